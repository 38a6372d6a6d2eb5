/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "command.h"
#include "tufsign.h"

gboolean command_keygen(int argc, char **argv, GError **error)
{
	static char *kind;
	static const GOptionEntry ENTRIES[] = { { "type", 0, 0, G_OPTION_ARG_STRING, &kind,
						  TUFSIGN_KINDS " (ed25519)", "TYPE" },
						G_OPTION_ENTRY_NULL };
	static const struct command_text TEXT = {
		"FILE",
		"Makes a key: the private half in FILE, not encrypted, the public one in FILE.pub. "
		"Keys of root and targets belong on a machine without a network, or in a token.",
		1, 1
	};
	g_autoptr(Tufsign) key = NULL;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, NULL, error) ||
	    !tufsign_make(kind != NULL ? kind : "ed25519", argv[1], error))
		return FALSE;
	key = tufsign_load(argv[1], error);
	if (key == NULL)
		return FALSE;
	printf("key %s\n", tufsign_keyid(key));
	return TRUE;
}

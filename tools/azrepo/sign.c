/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "request.h"

gboolean command_sign(int argc, char **argv, GError **error)
{
	static char **keys;
	static const GOptionEntry ENTRIES[] = {
		{ "key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &keys,
		  "private key; may be given several times. Without one, the request is only shown",
		  "KEY" },
		G_OPTION_ENTRY_NULL
	};
	static const struct command_text TEXT = {
		"FILE",
		"Shows what --prepare wrote on another machine, and signs it, in the same file. It "
		"needs no repository. Read what it shows: it is what you sign.",
		1, 1
	};
	g_autoptr(JsonValue) request = NULL;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, NULL, error))
		return FALSE;
	request = request_read(argv[1], error);
	if (request == NULL)
		return FALSE;
	if (keys != NULL &&
	    (!request_sign(request, keys, error) || !request_save(argv[1], request, error)))
		return FALSE;
	request_print(request);
	return TRUE;
}

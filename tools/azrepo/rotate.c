/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "failure.h"
#include "finish.h"
#include "keyset.h"

static struct {
	char *role;
	char **add, **remove;
	int threshold;
	gboolean lost;
	struct command_signing signing;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "role", 0, 0, G_OPTION_ARG_STRING, &options.role,
	  "root, targets, channels, snapshot or timestamp", "ROLE" },
	{ "add", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.add,
	  "new key, private or public; may be given several times", "KEY" },
	{ "remove", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.remove,
	  "id of a key, or how it starts; may be given several times", "KEYID" },
	{ "threshold", 0, 0, G_OPTION_ARG_INT, &options.threshold,
	  "how many keys of the role must sign from now on", "N" },
	{ "lost", 0, 0, G_OPTION_ARG_NONE, &options.lost,
	  "the removed keys cannot sign any more; clients may fail once while the files are copied",
	  NULL },
	G_OPTION_ENTRY_NULL
};

static gboolean keys_change(struct repository *repository, json_t *parent, enum role role,
			    GError **error)
{
	for (unsigned i = 0; options.add != NULL && options.add[i] != NULL; i++) {
		g_autoptr(Tufsign) key = tufsign_load(options.add[i], error);

		if (key == NULL)
			return FALSE;
		keyset_add(parent, role, key);
		if (tufsign_is_private(key))
			keychain_remember(repository->settings, key, options.add[i]);
	}
	for (unsigned i = 0; options.remove != NULL && options.remove[i] != NULL; i++)
		if (!keyset_remove(parent, role, options.remove[i], error))
			return FALSE;
	return keyset_threshold(parent, role, options.threshold, error);
}

gboolean command_rotate_key(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO",
		"Replaces keys of a role. Keys of channels are changed in targets, all others in a "
		"new root, which old and new root keys must sign. What the role has signed is "
		"signed again, by old and new keys, so that no client is left out meanwhile.",
		1, 1
	};
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;
	json_t *parent;
	enum role role;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.signing, error) ||
	    !command_need("role", options.role, error) || !role_find(options.role, &role, error))
		return FALSE;
	if (options.add == NULL && options.remove == NULL && options.threshold == 0)
		return failure_set(error, FAULT_ARGUMENT,
				   "nothing to do: give --add, --remove or --threshold");
	repository = command_begin(argv[1], &options.signing, &keychain, error);
	if (repository == NULL)
		return FALSE;
	parent = repository_change(repository, role == ROLE_CHANNELS ? ROLE_TARGETS : ROLE_ROOT,
				   error);
	if (parent == NULL || !keys_change(repository, parent, role, error))
		return FALSE;
	repository->lost = repository->lost || options.lost;
	/* A key's place is worth knowing even if the change comes to nothing. */
	return repository_settings_save(repository, error) &&
	       finish(repository, keychain, options.signing.prepare, error);
}

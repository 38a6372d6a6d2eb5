/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "failure.h"
#include "finish.h"
#include "trust.h"

gboolean command_parse(int *argc, char ***argv, const struct command_text *text,
		       const GOptionEntry *entries, struct command_signing *signing, GError **error)
{
	GOptionContext *context = g_option_context_new(text->usage);
	g_autoptr(GError) why = NULL;
	gboolean done;

	g_option_context_set_summary(context, text->description);
	if (entries != NULL)
		g_option_context_add_main_entries(context, entries, NULL);
	if (signing != NULL) {
		const GOptionEntry both[] = {
			{ "key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &signing->keys,
			  "private key to sign with, besides those whose places are known; may be "
			  "given several times",
			  "KEY" },
			{ "prepare", 0, 0, G_OPTION_ARG_FILENAME, &signing->prepare,
			  "write what cannot be signed here to this file, for azrepo sign",
			  "FILE" },
			G_OPTION_ENTRY_NULL
		};

		g_option_context_add_main_entries(context, both, NULL);
	}
	done = g_option_context_parse(context, argc, argv, &why);
	g_option_context_free(context);
	if (!done)
		return failure_set(error, FAULT_ARGUMENT, "%s", why->message);
	if (*argc - 1 < text->operands_min ||
	    (text->operands_max >= 0 && *argc - 1 > text->operands_max))
		return failure_set(error, FAULT_ARGUMENT, "%d operands are given: %s", *argc - 1,
				   text->usage);
	return TRUE;
}

gboolean command_need(const char *name, const char *value, GError **error)
{
	return value != NULL || failure_set(error, FAULT_ARGUMENT, "--%s is missing", name);
}

struct repository *command_begin(const char *path, const struct command_signing *signing,
				 struct keychain **ret_keychain, GError **error)
{
	g_autoptr(Repository) repository = repository_open(path, TRUE, error);
	g_autoptr(Keychain) keychain = NULL;

	if (repository == NULL || !trust_verify(repository, error) ||
	    !finish_resume(repository, error))
		return NULL;
	keychain = keychain_new(signing->keys, repository->settings, error);
	if (keychain == NULL)
		return NULL;
	*ret_keychain = g_steal_pointer(&keychain);
	return g_steal_pointer(&repository);
}

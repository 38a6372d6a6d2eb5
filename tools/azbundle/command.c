/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"

enum { MESSAGE_MAX = 500 };

gboolean command_parse(int *argc, char ***argv, const char *usage, const char *description,
		       const GOptionEntry *entries, int operands, GError **error)
{
	GOptionContext *context = g_option_context_new(usage);
	g_autoptr(GError) why = NULL;
	gboolean done;

	g_option_context_set_summary(context, description);
	g_option_context_add_main_entries(context, entries, NULL);
	done = g_option_context_parse(context, argc, argv, &why);
	g_option_context_free(context);
	if (!done)
		return failure_set(error, FAULT_ARGUMENT, "%s", why->message);
	if (operands >= 0 && *argc - 1 != operands)
		return failure_set(error, FAULT_ARGUMENT, "%d operands are given, not %d",
				   *argc - 1, operands);
	return TRUE;
}

gboolean command_need(const char *name, const char *value, GError **error)
{
	return value != NULL || failure_set(error, FAULT_ARGUMENT, "--%s is missing", name);
}

GBytes *command_file(const char *path, GError **error)
{
	g_autoptr(GError) why = NULL;
	char *content;
	gsize size_bytes;

	if (!g_file_get_contents(path, &content, &size_bytes, &why)) {
		failure_set(error, FAULT_BUILD_INPUT, "%s", why->message);
		return NULL;
	}
	return g_bytes_new_take(content, size_bytes);
}

gboolean command_spawn(const char *const *argv, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autofree char *said = NULL;
	int status = 0;
	size_t length;

	if (!g_spawn_sync(NULL, (char **)argv, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &said,
			  &status, &why))
		return failure_set(error, FAULT_BUILD_TOOL, "cannot run %s: %s", argv[0],
				   why->message);
	if (g_spawn_check_wait_status(status, NULL))
		return TRUE;
	g_strchomp(said);
	length = strlen(said);
	return failure_set(error, FAULT_BUILD_TOOL, "%s failed: %s", argv[0],
			   length > MESSAGE_MAX ? said + length - MESSAGE_MAX : said);
}

void command_salt(const char *product, uint8_t ret_salt[static 32])
{
	g_autofree char *text = g_strconcat("azupdate verity salt of product ", product, NULL);
	g_autoptr(CryptoHasher) hasher = crypto_hasher_new(NULL, 0);

	crypto_hash(hasher, (const uint8_t *)text, strlen(text), ret_salt);
}

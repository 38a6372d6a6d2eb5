/* SPDX-License-Identifier: MIT */
#include "storeread.h"

#include <stdio.h>

#include "amount.h"
#include "terminal.h"
#include "timearg.h"

static void entry_print(const json_t *entry)
{
	const char *version = json_string_value(json_object_get(entry, "version"));
	const json_int_t size = json_integer_value(json_object_get(entry, "size_bytes"));
	g_autofree char *when = timearg_show(json_integer_value(json_object_get(entry, "time")));
	g_autofree char *clean = terminal_clean(version != NULL ? version : "");
	g_autofree char *amount = amount_text((guint64)MAX(size, 0));

	printf("%s  %s, %s%s\n", when, clean, amount,
	       json_is_true(json_object_get(entry, "complete")) ? "" : ", damaged");
}

void storeread_print(const json_t *history)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(history, "store"), i, entry) entry_print(entry);
}

int storeread_history(struct cli *cli, void (*print)(const json_t *history), GError **error)
{
	g_autoptr(BusUpdates) updates = client_updates(cli, error);
	g_autofree char *text = NULL;
	GError *cause = NULL;

	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_history_sync(updates, &text, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return client_print(cli, text, print, "azupdated tells no history", error);
}

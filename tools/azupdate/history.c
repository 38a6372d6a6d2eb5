/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "storeread.h"
#include "terminal.h"
#include "timearg.h"

static const char *text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text != NULL ? text : "";
}

static void event_print(const json_t *event)
{
	g_autofree char *when = timearg_show(json_integer_value(json_object_get(event, "time")));
	g_autofree char *what = terminal_clean(text_of(event, "what"));
	g_autofree char *version = terminal_clean(text_of(event, "version"));
	g_autofree char *reason = terminal_clean(text_of(event, "reason"));

	printf("%s  %-12s", when, what);
	if (version[0] != '\0')
		printf(" %s", version);
	if (reason[0] != '\0')
		printf("%s %s", version[0] != '\0' ? ":" : "", reason);
	putchar('\n');
}

static void history_print(const json_t *history)
{
	const json_t *event;
	size_t i;

	if (json_array_size(json_object_get(history, "events")) == 0)
		puts("Nothing has happened yet.");
	json_array_foreach(json_object_get(history, "events"), i, event) event_print(event);
	if (json_array_size(json_object_get(history, "store")) > 0)
		puts("\nStored releases:");
	storeread_print(history);
}

static int history_run(struct cli *cli, int argc, char **argv, GError **error)
{
	if (!cli_parse(cli, NULL, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	return storeread_history(cli, history_print, error);
}

const struct command COMMAND_HISTORY = {
	.name = "history",
	.operands = "",
	.summary = "what happened to releases on this machine",
	.description =
		"Tells what was staged, activated, committed, rolled back or failed, and what "
		"was held and\napproved, oldest first.",
	.run = history_run,
};

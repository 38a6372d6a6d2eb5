/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "client.h"

static int why_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusUpdates) updates = NULL;
	g_autofree char *json = NULL;
	g_autofree char *text = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, NULL, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	updates = client_updates(cli, error);
	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_why_sync(updates, &json, &text, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	if (cli->json)
		puts(json);
	else
		fputs(text, stdout);
	return AZUPDATE_EXIT_OK;
}

const struct command COMMAND_WHY = {
	.name = "why",
	.operands = "",
	.summary = "what would be updated now, or why nothing is",
	.description =
		"Tells what the policy says now: what would be done, each reason why not, and "
		"when that\nends. Nothing is fetched: azupdate check does that.",
	.run = why_run,
};

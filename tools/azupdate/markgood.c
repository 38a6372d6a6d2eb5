/* SPDX-License-Identifier: MIT */
#include "action.h"

static int mark_good_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *slot = NULL;
	GError *cause = NULL;
	gboolean changed;

	if (!cli_parse(cli, NULL, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	slot = argc > 1 ? g_strdup(argv[1]) : client_running_slot(manager, error);
	if (slot == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_manager_call_mark_good_sync(manager, slot, &changed, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, &(struct action){ "marked good", slot, changed }, error);
}

const struct command COMMAND_MARK_GOOD = {
	.name = "mark-good",
	.operands = "[SLOT]",
	.summary = "commit a slot by hand",
	.description = "Commits a slot, by default the running one, as its health checks would. "
		       "Also takes a\n"
		       "slot back that was marked bad.",
	.run = mark_good_run,
};

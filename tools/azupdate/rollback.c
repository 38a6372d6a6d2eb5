/* SPDX-License-Identifier: MIT */
#include "action.h"

static int rollback_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *slot = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, NULL, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_manager_call_rollback_sync(manager, &slot, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, "activated", slot, error);
}

const struct command COMMAND_ROLLBACK = {
	.name = "rollback",
	.operands = "",
	.summary = "go back to the other slot's release",
	.description = "Makes the slot that does not run the next boot. Reboot when it suits.",
	.run = rollback_run,
};

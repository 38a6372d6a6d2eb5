/* SPDX-License-Identifier: MIT */
#include "action.h"

static int rollback_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autofree char *version = NULL;
	const GOptionEntry options[] = {
		{ "to", 0, 0, G_OPTION_ARG_STRING, &version,
		  "the version to go back to; default: that of the other slot", "VERSION" },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *slot = NULL;
	GError *cause = NULL;
	gboolean changed;

	if (!cli_parse(cli, options, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_manager_call_rollback_sync(manager, version != NULL ? version : "", &slot,
					    &changed, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, &(struct action){ "activated", slot, changed }, error);
}

const struct command COMMAND_ROLLBACK = {
	.name = "rollback",
	.operands = "",
	.summary = "go back to the other slot's release",
	.description =
		"Makes the slot that does not run, or the one that holds VERSION, the next boot.\n"
		"Reboot when it suits.",
	.run = rollback_run,
};

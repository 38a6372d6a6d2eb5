/* SPDX-License-Identifier: MIT */
#include "action.h"

static int activate_run(struct cli *cli, int argc, char **argv, GError **error)
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
	slot = argc > 1 ? g_strdup(argv[1]) : client_other_slot(manager, error);
	if (slot == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_manager_call_activate_sync(manager, slot, &changed, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, &(struct action){ "activated", slot, changed }, error);
}

const struct command COMMAND_ACTIVATE = {
	.name = "activate",
	.operands = "[SLOT]",
	.summary = "make a slot the next boot",
	.description =
		"Makes a slot the next boot, by default the one that does not run. A release that "
		"was\n"
		"never committed boots on trial: it has a few tries to pass its health checks.",
	.run = activate_run,
};

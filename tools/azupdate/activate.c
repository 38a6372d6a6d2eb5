/* SPDX-License-Identifier: MIT */
#include "action.h"

static int activate_run(struct cli *cli, int argc, char **argv, GError **error)
{
	static const struct action_slot ACTION = { "activated", client_other_slot,
						   bus_manager_call_activate_sync };

	return action_slot_run(cli, argc, argv, &ACTION, error);
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

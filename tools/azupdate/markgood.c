/* SPDX-License-Identifier: MIT */
#include "action.h"

static int mark_good_run(struct cli *cli, int argc, char **argv, GError **error)
{
	static const struct action_slot ACTION = { "marked good", client_running_slot,
						   bus_manager_call_mark_good_sync };

	return action_slot_run(cli, argc, argv, &ACTION, error);
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

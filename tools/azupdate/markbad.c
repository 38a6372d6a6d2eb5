/* SPDX-License-Identifier: MIT */
#include "action.h"

static int mark_bad_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autofree char *reason = NULL;
	const GOptionEntry options[] = {
		{ "reason", 0, 0, G_OPTION_ARG_STRING, &reason, "why; status will show it",
		  "TEXT" },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *slot = NULL;
	GError *cause = NULL;
	gboolean changed;

	if (!cli_parse(cli, options, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	slot = argc > 1 ? g_strdup(argv[1]) : client_other_slot(manager, error);
	if (slot == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_manager_call_mark_bad_sync(manager, slot,
					    reason == NULL ? "marked bad by hand" : reason,
					    &changed, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, &(struct action){ "marked bad", slot, changed }, error);
}

const struct command COMMAND_MARK_BAD = {
	.name = "mark-bad",
	.operands = "[SLOT]",
	.summary = "take a slot out of what can boot",
	.description = "Marks a slot bad, by default the one that does not run. The last bootable "
		       "slot is\n"
		       "refused. One that is bad already keeps its reason.",
	.run = mark_bad_run,
};

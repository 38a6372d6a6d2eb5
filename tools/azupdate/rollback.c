/* SPDX-License-Identifier: MIT */
#include "action.h"
#include "failure.h"
#include "restore.h"

/* No slot holds it: the store of past releases may. If none is kept, there are only the slots. */
static int rollback_stored(struct cli *cli, const char *version, GError *absent, GError **error)
{
	const struct restore_options options = { .force = FALSE };
	GError *why = NULL;
	const int status = restore_version(cli, version, &options, &why);

	if (why != NULL && failure_code(why) == FAULT_STORE_OFF) {
		g_error_free(why);
		g_propagate_error(error, absent);
		return status;
	}
	g_error_free(absent);
	if (why != NULL)
		g_propagate_error(error, why);
	return status;
}

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
		GError *why = NULL;

		client_fail(&why, cause);
		if (version != NULL && failure_code(why) == FAULT_RELEASE_ABSENT)
			return rollback_stored(cli, version, why, error);
		g_propagate_error(error, why);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, &(struct action){ "activated", slot, changed }, error);
}

const struct command COMMAND_ROLLBACK = {
	.name = "rollback",
	.operands = "",
	.summary = "go back to the other slot's release",
	.description = "Makes the slot that does not run, or the one that holds VERSION, the next "
		       "boot. If no slot\n"
		       "holds VERSION, it is made again out of the store of past releases, if that "
		       "has it.\n"
		       "Reboot when it suits.",
	.run = rollback_run,
};

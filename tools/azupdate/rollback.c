/* SPDX-License-Identifier: MIT */
#include "action.h"
#include "failure.h"
#include "restore.h"

struct rollback {
	char *version;     /* NULL: that of the other slot */
	gboolean etc;      /* the /etc of that time comes back, too */
	gboolean keep_etc; /* it does not; neither: as is configured */
};

/* No slot holds it: the store of past releases may. If none is kept, there are only the slots. */
static int rollback_stored(struct cli *cli, const struct rollback *rollback, GError *absent,
			   GError **error)
{
	const struct restore_options options = { .etc = rollback->etc,
						 .keep_etc = rollback->keep_etc };
	GError *why = NULL;
	const int status = restore_version(cli, rollback->version, &options, &why);

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

static gboolean rollback_call(BusManager *manager, const struct rollback *rollback, char **ret_slot,
			      gboolean *ret_changed, GError **error)
{
	const char *version = rollback->version != NULL ? rollback->version : "";
	GError *cause = NULL;
	const gboolean done = rollback->etc || rollback->keep_etc
				      ? bus_manager_call_rollback_etc_sync(
						manager, version, rollback->etc, ret_slot,
						ret_changed, NULL, &cause)
				      : bus_manager_call_rollback_sync(manager, version, ret_slot,
								       ret_changed, NULL, &cause);

	if (!done)
		client_fail(error, cause);
	return done;
}

static int rollback_do(struct cli *cli, const struct rollback *rollback, GError **error)
{
	g_autoptr(BusManager) manager = client_manager(cli, error);
	g_autofree char *slot = NULL;
	GError *why = NULL;
	gboolean changed;

	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (rollback_call(manager, rollback, &slot, &changed, &why))
		return action_show(cli, &(struct action){ "activated", slot, changed }, error);
	if (rollback->version != NULL && failure_code(why) == FAULT_RELEASE_ABSENT)
		return rollback_stored(cli, rollback, why, error);
	g_propagate_error(error, why);
	return AZUPDATE_EXIT_FAILED;
}

static int rollback_run(struct cli *cli, int argc, char **argv, GError **error)
{
	struct rollback rollback = { .version = NULL };
	const GOptionEntry options[] = {
		{ "to", 0, 0, G_OPTION_ARG_STRING, &rollback.version,
		  "the version to go back to; default: that of the other slot", "VERSION" },
		{ "etc", 0, 0, G_OPTION_ARG_NONE, &rollback.etc,
		  "with the /etc of that release's time", NULL },
		{ "keep-etc", 0, 0, G_OPTION_ARG_NONE, &rollback.keep_etc,
		  "with the /etc of now; default: as [etc] rollback= says", NULL },
		{ .long_name = NULL },
	};
	int status = AZUPDATE_EXIT_USAGE;

	if (!cli_parse(cli, options, 0, &argc, &argv, error))
		status = AZUPDATE_EXIT_USAGE;
	else if (rollback.etc && rollback.keep_etc)
		failure_set(error, FAULT_ARGUMENT, "rollback: either --etc or --keep-etc");
	else
		status = rollback_do(cli, &rollback, error);
	g_free(rollback.version);
	return status;
}

const struct command COMMAND_ROLLBACK = {
	.name = "rollback",
	.operands = "",
	.summary = "go back to the other slot's release",
	.description = "Makes the slot that does not run, or the one that holds VERSION, the next "
		       "boot. If no slot\n"
		       "holds VERSION, it is made again out of the store of past releases, if that "
		       "has it.\n"
		       "Reboot when it suits. With --etc the local changes of /etc that release "
		       "has left come "
		       "back\n"
		       "at that boot; those of now stay in the store.",
	.run = rollback_run,
};

/* SPDX-License-Identifier: MIT */
/* check and update: what the repository has for this machine, and taking it. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "failure.h"
#include "jobwait.h"
#include "terminal.h"

static void did_print(const char *did, const char *version)
{
	g_autofree char *clean = terminal_clean(version);

	if (strcmp(did, "staged") == 0)
		printf("Version %s is staged. It does not boot before it is activated.\n", clean);
	else if (strcmp(did, "activated") == 0)
		printf("Version %s is staged, and the next boot tries it. Reboot when it suits.\n",
		       clean);
	else if (strcmp(did, "rebooting") == 0)
		printf("Version %s is staged, and the machine reboots into it.\n", clean);
}

/* Of an update that did something, why nothing more is done is of no interest. */
static void result_print(GVariant *result)
{
	const char *did = "nothing", *version = "", *text = "";

	g_variant_lookup(result, "did", "&s", &did);
	g_variant_lookup(result, "version", "&s", &version);
	g_variant_lookup(result, "text", "&s", &text);
	did_print(did, version);
	if (strcmp(did, "nothing") == 0)
		fputs(text, stdout);
}

static int job_finish(struct cli *cli, const char *path, GError **error)
{
	g_autoptr(GVariant) outcome = NULL;
	g_autoptr(GVariant) result = NULL;

	if (!jobwait_run(cli, path, &outcome, error))
		return AZUPDATE_EXIT_FAILED;
	result = jobwait_result(outcome);
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, outcome);
	else
		result_print(result);
	return AZUPDATE_EXIT_OK;
}

static int check_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusUpdates) updates = NULL;
	g_autofree char *path = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, NULL, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	updates = client_updates(cli, error);
	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_check_sync(updates, &path, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return job_finish(cli, path, error);
}

static GVariant *update_options(gboolean automatic, gboolean reboot)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	if (automatic)
		g_variant_builder_add(&builder, "{sv}", "automatic", g_variant_new_boolean(TRUE));
	if (reboot)
		g_variant_builder_add(&builder, "{sv}", "reboot", g_variant_new_boolean(TRUE));
	return g_variant_builder_end(&builder);
}

static int update_run(struct cli *cli, int argc, char **argv, GError **error)
{
	gboolean automatic = FALSE, reboot = FALSE;
	const GOptionEntry options[] = {
		{ "reboot", 0, 0, G_OPTION_ARG_NONE, &reboot, "reboot into it, too", NULL },
		{ "automatic", 0, 0, G_OPTION_ARG_NONE, &automatic,
		  "as the timer does: only what the policy wants done now", NULL },
		{ .long_name = NULL },
	};
	g_autoptr(BusUpdates) updates = NULL;
	g_autofree char *path = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, options, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	updates = client_updates(cli, error);
	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_update_sync(updates, update_options(automatic, reboot), &path, NULL,
					  &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return job_finish(cli, path, error);
}

const struct command COMMAND_CHECK = {
	.name = "check",
	.operands = "",
	.summary = "ask the repository what it has for this machine",
	.description =
		"Fetches and verifies the repository's metadata and says what would be done. "
		"Nothing is\ninstalled.",
	.waits = TRUE,
	.run = check_run,
};

const struct command COMMAND_UPDATE = {
	.name = "update",
	.operands = "",
	.summary = "take the release that this machine should have",
	.description =
		"Takes the next release out of the configured repository, now: windows, waves, "
		"soak "
		"and\napproval do not hold it back. What failed here, was revoked or is below the "
		"floor is\nnot taken all the same.",
	.waits = TRUE,
	.run = update_run,
};

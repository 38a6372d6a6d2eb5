/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "amount.h"
#include "bundlearg.h"
#include "failure.h"
#include "jobwait.h"
#include "plantext.h"

struct install {
	const char *bundle;
	gboolean plan;
	gboolean force;
	gboolean accept_expired;
	gboolean no_activate;
	gboolean no_wait;
};

static GVariant *options_encode(const struct install *install)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "force", g_variant_new_boolean(install->force));
	g_variant_builder_add(&builder, "{sv}", "activate",
			      g_variant_new_boolean(!install->no_activate));
	if (install->accept_expired) /* an older azupdated does not know it */
		g_variant_builder_add(&builder, "{sv}", "accept_expired",
				      g_variant_new_boolean(TRUE));
	return g_variant_builder_end(&builder);
}

static char *descriptor_start(BusManager *manager, const struct install *install, GError **error)
{
	g_autoptr(GUnixFDList) fds = bundlearg_open(install->bundle, error);
	GVariant *options = options_encode(install);
	GError *cause = NULL;
	char *path = NULL;

	if (fds == NULL) {
		g_variant_unref(g_variant_ref_sink(options));
		return NULL;
	}
	if (install->plan)
		bus_manager_call_plan_sync(manager, g_variant_new_handle(0), options, fds, &path,
					   NULL, NULL, &cause);
	else
		bus_manager_call_install_sync(manager, g_variant_new_handle(0), options, fds, &path,
					      NULL, NULL, &cause);
	if (cause != NULL)
		client_fail(error, cause);
	return path;
}

static char *url_start(BusManager *manager, const struct install *install, GError **error)
{
	GVariant *options = options_encode(install);
	GError *cause = NULL;
	char *path = NULL;

	if (install->plan)
		bus_manager_call_plan_url_sync(manager, install->bundle, options, &path, NULL,
					       &cause);
	else
		bus_manager_call_install_url_sync(manager, install->bundle, options, &path, NULL,
						  &cause);
	if (cause != NULL)
		client_fail(error, cause);
	return path;
}

static void result_print(GVariant *result, const struct install *install)
{
	g_autofree char *fetched = amount_of(result, "fetched_bytes");
	g_autofree char *copied = amount_of(result, "copied_bytes");
	g_autofree char *made = amount_of(result, "made_bytes");
	g_autofree char *kept = amount_of(result, "kept_bytes");
	const char *slot = "?", *version = "?";

	g_variant_lookup(result, "slot", "&s", &slot);
	g_variant_lookup(result, "version", "&s", &version);
	printf("Version %s is in slot %s: %s fetched, %s copied from the running slot, ", version,
	       slot, fetched, copied);
	if (amount_get(result, "made_bytes") > 0)
		printf("%s made by the delta, ", made);
	printf("%s were there already.\n", kept);
	if (install->no_activate)
		printf("It does not boot before you say so: azupdate activate %s\n", slot);
	else
		printf("The next boot tries it. Reboot when it suits.\n");
}

static int install_finish(struct cli *cli, const struct install *install, const char *path,
			  GError **error)
{
	g_autoptr(GVariant) outcome = NULL;
	g_autoptr(GVariant) result = NULL;

	if (!jobwait_run(cli, path, &outcome, error))
		return AZUPDATE_EXIT_FAILED;
	result = jobwait_result(outcome);
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, outcome);
	else if (install->plan)
		plantext_print(result, bundlearg_is_url(install->bundle));
	else
		result_print(result, install);
	return AZUPDATE_EXIT_OK;
}

static int job_show(struct cli *cli, const char *path, GError **error)
{
	g_autoptr(BusJob) job = client_job(cli, path, error);

	if (job == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, jobwait_encode(path, job));
	else
		printf("%s\n", path);
	return AZUPDATE_EXIT_OK;
}

static gboolean install_parse(struct cli *cli, struct install *install, int argc, char **argv,
			      GError **error)
{
	const GOptionEntry options[] = {
		{ "plan", 0, 0, G_OPTION_ARG_NONE, &install->plan,
		  "tell what would come from where; write nothing", NULL },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &install->force,
		  "also over the fallback, and what failed here before", NULL },
		{ "accept-expired", 0, 0, G_OPTION_ARG_NONE, &install->accept_expired,
		  "also with expired metadata, where the configuration allows it", NULL },
		{ "no-activate", 0, 0, G_OPTION_ARG_NONE, &install->no_activate,
		  "only stage it: the next boot stays what it is", NULL },
		{ "no-wait", 0, 0, G_OPTION_ARG_NONE, &install->no_wait,
		  "print the job and do not wait for it", NULL },
		{ .long_name = NULL },
	};

	if (!cli_parse(cli, options, 1, &argc, &argv, error))
		return FALSE;
	if (argc < 2)
		return failure_set(error, FAULT_ARGUMENT, "install: name a file, an address, or -");
	install->bundle = argv[1];
	return TRUE;
}

static int install_run(struct cli *cli, int argc, char **argv, GError **error)
{
	struct install install = { NULL };
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *path = NULL;

	if (!install_parse(cli, &install, argc, argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	path = bundlearg_is_url(install.bundle) ? url_start(manager, &install, error)
						: descriptor_start(manager, &install, error);
	if (path == NULL)
		return AZUPDATE_EXIT_FAILED;
	return install.no_wait ? job_show(cli, path, error)
			       : install_finish(cli, &install, path, error);
}

const struct command COMMAND_INSTALL = {
	.name = "install",
	.operands = "FILE|URL|-",
	.summary = "install a release into the other slot",
	.description =
		"Installs a bundle from a file, a web server, or standard input, and makes it the\n"
		"next boot. The running system is not touched. Interrupting cancels; installing\n"
		"again goes on where it stopped.",
	.waits = TRUE,
	.run = install_run,
};

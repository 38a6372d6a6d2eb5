/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "jobwait.h"

struct install {
	gboolean force;
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
	return g_variant_builder_end(&builder);
}

/* Opened by the caller's own rights, so that the daemon cannot be made to read for somebody. */
static int source_open(const char *source, GError **error)
{
	int fd;

	if (strcmp(source, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		failure_set(error, FAULT_BUNDLE_READ, "%s: %s", source, g_strerror(errno));
	return fd;
}

static char *install_descriptor(BusManager *manager, const struct install *install,
				const char *source, GError **error)
{
	const int fd = source_open(source, error);
	g_autoptr(GUnixFDList) fds = NULL;
	GError *cause = NULL;
	char *path = NULL;

	if (fd < 0)
		return NULL;
	fds = g_unix_fd_list_new_from_array(&fd, 1); /* takes over fd */
	if (!bus_manager_call_install_sync(manager, g_variant_new_handle(0),
					   options_encode(install), fds, &path, NULL, NULL, &cause))
		client_fail(error, cause);
	return path;
}

static char *install_url(BusManager *manager, const struct install *install, const char *url,
			 GError **error)
{
	GError *cause = NULL;
	char *path = NULL;

	if (!bus_manager_call_install_url_sync(manager, url, options_encode(install), &path, NULL,
					       &cause))
		client_fail(error, cause);
	return path;
}

static gboolean source_is_url(const char *source)
{
	return g_str_has_prefix(source, "http://") || g_str_has_prefix(source, "https://");
}

static char *size_of(GVariant *result, const char *name)
{
	guint64 size_bytes = 0;

	g_variant_lookup(result, name, "t", &size_bytes);
	return g_format_size_full(size_bytes, G_FORMAT_SIZE_IEC_UNITS);
}

static void result_print(GVariant *result, const struct install *install)
{
	g_autofree char *fetched = size_of(result, "fetched_bytes");
	g_autofree char *copied = size_of(result, "copied_bytes");
	g_autofree char *kept = size_of(result, "kept_bytes");
	const char *slot = "?", *version = "?";

	g_variant_lookup(result, "slot", "&s", &slot);
	g_variant_lookup(result, "version", "&s", &version);
	printf("Version %s is in slot %s: %s fetched, %s copied from the running slot, %s were "
	       "there already.\n",
	       version, slot, fetched, copied, kept);
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

static int install_run(struct cli *cli, int argc, char **argv, GError **error)
{
	struct install install = { FALSE };
	const GOptionEntry options[] = {
		{ "force", 0, 0, G_OPTION_ARG_NONE, &install.force,
		  "also over the fallback, and what failed here before", NULL },
		{ "no-activate", 0, 0, G_OPTION_ARG_NONE, &install.no_activate,
		  "only stage it: the next boot stays what it is", NULL },
		{ "no-wait", 0, 0, G_OPTION_ARG_NONE, &install.no_wait,
		  "print the job and do not wait for it", NULL },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *path = NULL;

	if (!cli_parse(cli, options, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	if (argc < 2) {
		failure_set(error, FAULT_ARGUMENT, "install: name a file, an address, or -");
		return AZUPDATE_EXIT_USAGE;
	}
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	path = source_is_url(argv[1]) ? install_url(manager, &install, argv[1], error)
				      : install_descriptor(manager, &install, argv[1], error);
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
	.run = install_run,
};

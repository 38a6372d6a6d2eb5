/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "failure.h"
#include "jobwait.h"

/* The running job's path, or NULL. */
static char *running_find(struct cli *cli, BusManager *manager, GError **error)
{
	const char *const *jobs = bus_manager_get_jobs(manager);

	for (; jobs != NULL && *jobs != NULL; jobs++) {
		g_autoptr(BusJob) job = client_job(cli, *jobs, NULL);

		if (job != NULL && g_str_equal(bus_job_get_state(job), "running"))
			return g_strdup(*jobs);
	}
	failure_set(error, FAULT_JOB_UNKNOWN, "no job is running");
	return NULL;
}

/* A job may be given as its number or as its path. */
static char *path_of(const char *name, GError **error)
{
	guint64 number;

	if (g_ascii_string_to_unsigned(name, 10, 1, G_MAXUINT32, &number, NULL))
		return g_strdup_printf(AZUPDATE_BUS_PATH_JOB_PREFIX "%" G_GUINT64_FORMAT, number);
	if (g_variant_is_object_path(name))
		return g_strdup(name);
	failure_set(error, FAULT_ARGUMENT, "cancel: \"%s\" is not a job", name);
	return NULL;
}

static int cancel_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *path = NULL;
	g_autoptr(BusJob) job = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, NULL, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	path = argc > 1 ? path_of(argv[1], error) : running_find(cli, manager, error);
	if (path == NULL)
		return AZUPDATE_EXIT_FAILED;
	job = client_job(cli, path, error);
	if (job == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_job_call_cancel_sync(job, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, jobwait_encode(path, job));
	else
		printf("%s was asked to stop.\n", path);
	return AZUPDATE_EXIT_OK;
}

const struct command COMMAND_CANCEL = {
	.name = "cancel",
	.operands = "[JOB]",
	.summary = "stop a job",
	.description = "Asks a job, by default the running one, to stop. An install that was "
		       "stopped leaves\n"
		       "the machine booting what it did before, and keeps the blocks it has.",
	.run = cancel_run,
};

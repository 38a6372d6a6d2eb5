/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "faulttext.h"
#include "healthread.h"
#include "jobwait.h"
#include "terminal.h"

struct word {
	const char *name;
	const char *text;
};

static const struct word VERDICTS[] = {
	{ "committed", "The running release is committed." },
	{ "reboot", "The machine reboots now." },
	{ "stay", "The machine stays up: a reboot would lead nowhere better." },
};

static void output_print(const char *output)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", 0);

	for (char **line = lines; *line != NULL; line++) {
		g_autofree char *clean = terminal_clean(*line);

		if (clean[0] != '\0')
			printf("           | %s\n", clean);
	}
}

static void check_print(GVariant *check)
{
	gboolean required = FALSE, passed = FALSE;
	guint32 runs = 0, duration_ms = 0, why = 0;
	const char *name = "", *output = "";
	gint32 exit_status = -1;
	g_autofree char *clean = NULL;

	g_variant_lookup(check, "name", "&s", &name);
	g_variant_lookup(check, "required", "b", &required);
	g_variant_lookup(check, "passed", "b", &passed);
	g_variant_lookup(check, "fault", "u", &why);
	g_variant_lookup(check, "exit_status", "i", &exit_status);
	g_variant_lookup(check, "runs", "u", &runs);
	g_variant_lookup(check, "duration_ms", "u", &duration_ms);
	g_variant_lookup(check, "output", "&s", &output);
	clean = terminal_clean(name);
	terminal_paint(passed     ? TERMINAL_GOOD
		       : required ? TERMINAL_BAD
				  : TERMINAL_WARN,
		       passed ? "  passed   " : "  failed   ");
	printf("%s (%s, %.1f s, %u %s)", clean, required ? "required" : "wanted",
	       (double)duration_ms / 1000.0, runs, runs == 1 ? "run" : "runs");
	if (passed) {
		putchar('\n');
		return;
	}
	if (exit_status >= 0)
		printf(": exit status %d\n", exit_status);
	else
		printf(": %s\n", faulttext_find(why)->sentence);
	output_print(output);
}

static void result_print(GVariant *result)
{
	g_autoptr(GVariant)
		checks = g_variant_lookup_value(result, "checks", G_VARIANT_TYPE("aa{sv}"));
	const char *reason = "", *verdict = "";
	g_autofree char *clean = NULL;
	gboolean healthy = FALSE;

	if (!g_variant_lookup(result, "healthy", "b", &healthy))
		return; /* the checks did not come to their end */
	g_variant_lookup(result, "reason", "&s", &reason);
	g_variant_lookup(result, "verdict", "&s", &verdict);
	clean = terminal_clean(reason);
	terminal_paint(healthy ? TERMINAL_GOOD : TERMINAL_BAD, healthy ? "Healthy" : "Not healthy");
	printf(": %s.\n", clean);
	for (gsize i = 0; checks != NULL && i < g_variant_n_children(checks); i++) {
		g_autoptr(GVariant) check = g_variant_get_child_value(checks, i);

		check_print(check);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(VERDICTS); i++)
		if (strcmp(VERDICTS[i].name, verdict) == 0)
			puts(VERDICTS[i].text);
}

static int health_run_checks(struct cli *cli, BusManager *manager, gboolean act, GError **error)
{
	g_autofree char *path = NULL;
	g_autoptr(GVariant) outcome = NULL;
	g_autoptr(GVariant) result = NULL;
	gboolean healthy = FALSE, done;
	GError *cause = NULL;

	if (!bus_manager_call_run_health_sync(manager, act, &path, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	done = jobwait_run(cli, path, &outcome, error);
	result = outcome == NULL ? NULL : jobwait_result(outcome);
	/* Also of a job that failed: it may be the reboot that could not start. */
	if (result != NULL && !cli->json)
		result_print(result);
	if (!done)
		return AZUPDATE_EXIT_FAILED;
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, outcome);
	g_variant_lookup(result, "healthy", "b", &healthy);
	return healthy ? AZUPDATE_EXIT_OK : AZUPDATE_EXIT_UNHEALTHY;
}

static void record_print(GVariant *record)
{
	const char *slot = "?";
	gint64 time_us = 0;
	g_autoptr(GDateTime) time = NULL;
	g_autofree char *when = NULL;

	g_variant_lookup(record, "slot", "&s", &slot);
	g_variant_lookup(record, "time_us", "x", &time_us);
	time = g_date_time_new_from_unix_local(time_us / 1000000);
	when = time == NULL ? g_strdup("?") : g_date_time_format(time, "%F %T");
	printf("Slot %s, checked %s.\n", slot, when);
	result_print(record);
}

static int health_show(struct cli *cli, BusManager *manager, GError **error)
{
	g_autoptr(GVariant) result = NULL;
	g_autofree char *json = NULL;
	GError *cause = NULL;

	if (!bus_manager_call_health_last_sync(manager, &json, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	result = healthread_decode(json, error);
	if (result == NULL)
		return AZUPDATE_EXIT_FAILED;
	g_variant_ref_sink(result);
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_HEALTH, result);
	else
		record_print(result);
	return AZUPDATE_EXIT_OK;
}

static int health_run(struct cli *cli, int argc, char **argv, GError **error)
{
	gboolean act = FALSE;
	const GOptionEntry options[] = {
		{ "act", 0, 0, G_OPTION_ARG_NONE, &act,
		  "with run: commit if healthy, else record why and reboot", NULL },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;

	if (!cli_parse(cli, options, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	if (argc < 2 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "show") != 0)) {
		failure_set(error, FAULT_ARGUMENT, "health: say run or show");
		return AZUPDATE_EXIT_USAGE;
	}
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	return strcmp(argv[1], "run") == 0 ? health_run_checks(cli, manager, act, error)
					   : health_show(cli, manager, error);
}

const struct command COMMAND_HEALTH = {
	.name = "health",
	.operands = "run|show",
	.summary = "run the health checks, or show the last",
	.description =
		"Runs the health checks now, or shows what the last ones found that were acted on.",
	.waits = TRUE,
	.run = health_run,
};

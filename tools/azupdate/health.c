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
	{ "committed", "The running release is committed" },
	{ "reboot", "The machine reboots" },
	{ "stay", "The machine stays up" },
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

/* A record of an earlier release has no reasons. */
static void reason_print(GVariant *check, gint32 exit_status, guint32 why)
{
	const char *reason = "";
	g_autofree char *clean = NULL;

	g_variant_lookup(check, "reason", "&s", &reason);
	clean = terminal_clean(reason);
	if (clean[0] != '\0')
		printf(": %s\n", clean);
	else if (exit_status >= 0)
		printf(": exit status %d\n", exit_status);
	else
		printf(": %s\n", faulttext_find(why)->sentence);
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
	reason_print(check, exit_status, why);
	output_print(output);
}

static void result_print(GVariant *result)
{
	g_autoptr(GVariant)
		checks = g_variant_lookup_value(result, "checks", G_VARIANT_TYPE("aa{sv}"));
	const char *reason = "", *verdict = "", *because = "";
	g_autofree char *clean = NULL;
	g_autofree char *clean_because = NULL;
	gboolean healthy = FALSE;

	if (!g_variant_lookup(result, "healthy", "b", &healthy))
		return; /* the checks did not come to their end */
	g_variant_lookup(result, "reason", "&s", &reason);
	g_variant_lookup(result, "verdict", "&s", &verdict);
	g_variant_lookup(result, "because", "&s", &because);
	clean_because = terminal_clean(because);
	clean = terminal_clean(reason);
	terminal_paint(healthy ? TERMINAL_GOOD : TERMINAL_BAD, healthy ? "Healthy" : "Not healthy");
	printf(": %s.\n", clean);
	for (gsize i = 0; checks != NULL && i < g_variant_n_children(checks); i++) {
		g_autoptr(GVariant) check = g_variant_get_child_value(checks, i);

		check_print(check);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(VERDICTS); i++)
		if (strcmp(VERDICTS[i].name, verdict) == 0)
			printf("%s%s%s.\n", VERDICTS[i].text, because[0] != '\0' ? ": " : "",
			       clean_because);
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

static int health_show(struct cli *cli, BusManager *manager, const char *boot, GError **error)
{
	g_autoptr(GVariant) result = NULL;
	g_autofree char *json = NULL;
	GError *cause = NULL;
	const gboolean done =
		boot != NULL ? bus_manager_call_health_show_sync(manager, boot, &json, NULL, &cause)
			     : bus_manager_call_health_last_sync(manager, &json, NULL, &cause);

	if (!done) {
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

static void line_print(GVariant *record)
{
	const char *boot = "", *slot = "?", *version = "?", *verdict = "", *reason = "";
	gboolean healthy = FALSE;
	gint64 time_us = 0;
	g_autoptr(GDateTime) time = NULL;
	g_autofree char *when = NULL;
	g_autofree char *clean_version = NULL;
	g_autofree char *clean = NULL;

	g_variant_lookup(record, "boot", "&s", &boot);
	g_variant_lookup(record, "slot", "&s", &slot);
	g_variant_lookup(record, "version", "&s", &version);
	g_variant_lookup(record, "verdict", "&s", &verdict);
	g_variant_lookup(record, "reason", "&s", &reason);
	g_variant_lookup(record, "healthy", "b", &healthy);
	g_variant_lookup(record, "time_us", "x", &time_us);
	time = g_date_time_new_from_unix_local(time_us / 1000000);
	when = time == NULL ? g_strdup("?") : g_date_time_format(time, "%F %T");
	clean_version = terminal_clean(version);
	clean = terminal_clean(reason);
	printf("%.32s  %s  slot %s  version %s  ", boot, when, slot, clean_version);
	terminal_paint(healthy ? TERMINAL_GOOD : TERMINAL_BAD, healthy ? "healthy" : "not healthy");
	printf(": %s; verdict: %s\n", clean, verdict);
}

static int health_list(struct cli *cli, BusManager *manager, const char *boot, GError **error)
{
	g_autoptr(GVariant) list = NULL;
	g_autofree char *json = NULL;
	GError *cause = NULL;
	GVariantBuilder builder;

	if (!bus_manager_call_health_list_sync(manager, &json, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	list = healthread_list(json, error);
	if (list == NULL)
		return AZUPDATE_EXIT_FAILED;
	g_variant_ref_sink(list);
	for (gsize i = 0; !cli->json && i < g_variant_n_children(list); i++) {
		g_autoptr(GVariant) record = g_variant_get_child_value(list, i);

		line_print(record);
	}
	if (!cli->json)
		return AZUPDATE_EXIT_OK;
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "boots", list);
	cli_print_json(AZUPDATE_SCHEMA_HEALTHLIST, g_variant_builder_end(&builder));
	return AZUPDATE_EXIT_OK;
}

static int hold_say(struct cli *cli, BusManager *manager, gboolean held, GError **error)
{
	GVariantBuilder builder;
	GError *cause = NULL;

	if (!bus_manager_call_health_hold_sync(manager, held, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	if (!cli->json) {
		puts(held ? "Failed health checks do not reboot this machine, until its next boot."
			  : "Failed health checks may reboot this machine.");
		return AZUPDATE_EXIT_OK;
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "action",
			      g_variant_new_string(held ? "health-hold" : "health-unhold"));
	g_variant_builder_add(&builder, "{sv}", "held", g_variant_new_boolean(held));
	cli_print_json(AZUPDATE_SCHEMA_HOLD, g_variant_builder_end(&builder));
	return AZUPDATE_EXIT_OK;
}

static int health_hold(struct cli *cli, BusManager *manager, const char *boot, GError **error)
{
	return hold_say(cli, manager, TRUE, error);
}

static int health_unhold(struct cli *cli, BusManager *manager, const char *boot, GError **error)
{
	return hold_say(cli, manager, FALSE, error);
}

struct verb {
	const char *name;
	gboolean takes_boot;
	int (*run)(struct cli *cli, BusManager *manager, const char *boot, GError **error);
};

static const struct verb VERBS[] = {
	{ "run", FALSE, NULL }, /* it alone has an option */
	{ "list", FALSE, health_list },
	{ "show", TRUE, health_show },
	{ "last", FALSE, health_show },
	{ "hold", FALSE, health_hold },
	{ "unhold", FALSE, health_unhold },
};

static const struct verb *verb_find(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(VERBS); i++)
		if (strcmp(VERBS[i].name, argv[1]) == 0 && (argc == 2 || VERBS[i].takes_boot))
			return &VERBS[i];
	return NULL;
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
	const struct verb *verb;

	if (!cli_parse(cli, options, 2, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	verb = verb_find(argc, argv);
	if (verb == NULL) {
		failure_set(error, FAULT_ARGUMENT,
			    "health: say run, list, show [BOOT], hold or unhold");
		return AZUPDATE_EXIT_USAGE;
	}
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	return verb->run == NULL ? health_run_checks(cli, manager, act, error)
				 : verb->run(cli, manager, argc > 2 ? argv[2] : NULL, error);
}

const struct command COMMAND_HEALTH = {
	.name = "health",
	.operands = "run|list|show [BOOT]|hold|unhold",
	.summary = "run the health checks, or show the last",
	.description =
		"Runs the health checks now, lists the boots whose checks were acted on, or shows "
		"what those of\na boot found, by default the last. hold keeps failed checks from "
		"rebooting the machine, until\nits next boot or unhold.",
	.waits = TRUE,
	.run = health_run,
};

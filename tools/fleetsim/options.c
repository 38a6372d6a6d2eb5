/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <stdlib.h>

#include "failure.h"

enum { DAY_S = 86400, DAYS_MAX = 90, MACHINES_MAX = 100000000 };

static const char WAVES[] = "0:10,86400:200,259200:1000";
static const char WINDOWS[] = "22:00-06:00";

static gboolean range_check(const char *name, int value, int min, int max, GError **error)
{
	return (value >= min && value <= max) ||
	       failure_set(error, FAULT_ARGUMENT, "--%s must be from %d to %d", name, min, max);
}

static gboolean ranges_check(const struct options *options, GError **error)
{
	return range_check("machines", options->machines, 1, MACHINES_MAX, error) &&
	       range_check("days", options->days, 1, DAYS_MAX, error) &&
	       range_check("check-interval", options->check_interval_s, 300, 7 * DAY_S, error) &&
	       range_check("asleep", options->asleep, 0, 1000, error) &&
	       range_check("clocks-off", options->clocks_off, 0, 1000, error) &&
	       range_check("flaky", options->flaky, 0, 999, error) &&
	       range_check("bad", options->bad, 0, 1000, error) &&
	       range_check("pause", options->pause_s, 0, DAYS_MAX * DAY_S, error) &&
	       range_check("fix", options->fix_s, 0, DAYS_MAX * DAY_S, error) &&
	       range_check("outage", options->outage_s, 0, DAYS_MAX * DAY_S, error) &&
	       range_check("outage-for", options->outage_for_s, 0, DAYS_MAX * DAY_S, error) &&
	       range_check("machine", options->machine, -1, options->machines - 1, error) &&
	       range_check("threads", options->threads, 1, 64, error);
}

static gboolean waves_parse(const char *text, struct channel_rollout *rollout, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", 0);
	int64_t last_s = -1;
	int last = 0;

	for (char **part = parts; *part != NULL; part++) {
		char *end;
		const int64_t after_s = strtoll(*part, &end, 10);
		const int permille = *end == ':' ? atoi(end + 1) : 0;

		if (after_s <= last_s || after_s > CHANNEL_AFTER_S_MAX || permille <= last ||
		    permille > CHANNEL_PERMILLE || rollout->n_waves == CHANNEL_WAVES_MAX)
			return failure_set(error, FAULT_ARGUMENT,
					   "--waves: \"%s\" is no wave as 86400:200, later and "
					   "larger than the one before",
					   *part);
		rollout->waves[rollout->n_waves++] = (struct channel_wave){ (uint32_t)after_s,
									    (uint16_t)permille };
		last_s = after_s;
		last = permille;
	}
	return TRUE;
}

#define NUMBER(name, member, text)                                                                 \
	{                                                                                          \
		name, 0, 0, G_OPTION_ARG_INT, member, text, "N"                                    \
	}

static void fleet_add(GOptionContext *context, struct options *options, char **windows)
{
	const GOptionEntry entries[] = {
		NUMBER("machines", &options->machines, "Of the fleet (1000000)"),
		NUMBER("asleep", &options->asleep, "Permille that are on by day only (300)"),
		NUMBER("clocks-off", &options->clocks_off, "Permille with wrong clocks (10)"),
		NUMBER("check-interval", &options->check_interval_s, "Seconds (21600)"),
		{ "windows", 0, 0, G_OPTION_ARG_STRING, windows,
		  "Of machines that are always on (22:00-06:00)", "TEXT" },
		{ "seed", 0, 0, G_OPTION_ARG_INT64, &options->seed, "Another fleet (1)", "N" },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};

	g_option_context_add_main_entries(context, entries, NULL);
}

static void story_add(GOptionContext *context, struct options *options, char **waves)
{
	const GOptionEntry entries[] = {
		NUMBER("days", &options->days, "From the publication of 1.1 on (7)"),
		{ "waves", 0, 0, G_OPTION_ARG_STRING, waves,
		  "SECONDS:PERMILLE,... (0:10,86400:200,259200:1000)", "LIST" },
		NUMBER("bad", &options->bad, "Permille of machines on which 1.1 fails (1000)"),
		NUMBER("pause", &options->pause_s,
		       "Seconds after which 1.1 is paused (57600); 0: never"),
		NUMBER("fix", &options->fix_s,
		       "Seconds after which 1.1 is revoked and 1.2 comes (129600); 0: never"),
		NUMBER("flaky", &options->flaky, "Permille of downloads that break off (10)"),
		NUMBER("outage", &options->outage_s,
		       "Seconds after which the server goes away; 0: never"),
		NUMBER("outage-for", &options->outage_for_s, "For so many seconds (3600)"),
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};

	g_option_context_add_main_entries(context, entries, NULL);
}

static void output_add(GOptionContext *context, struct options *options)
{
	const GOptionEntry entries[] = {
		{ "svg", 0, 0, G_OPTION_ARG_FILENAME, &options->svg,
		  "Draw who updated when, and the requests", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &options->json, "Print JSON", NULL },
		NUMBER("machine", &options->machine, "Tell each step of this one, and why"),
		NUMBER("threads", &options->threads, "At a time (one for each processor)"),
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};

	g_option_context_add_main_entries(context, entries, NULL);
}

gboolean options_parse(int argc, char **argv, struct options *ret_options, GError **error)
{
	g_autofree char *waves = NULL;
	g_autofree char *windows = NULL;
	struct options options = {
		.machines = 1000000,
		.days = 7,
		.check_interval_s = 21600,
		.asleep = 300,
		.clocks_off = 10,
		.flaky = 10,
		.bad = 1000,
		.pause_s = 16 * 3600,
		.fix_s = 36 * 3600,
		.outage_for_s = 3600,
		.machine = -1,
		.threads = (int)g_get_num_processors(),
		.seed = 1,
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) cause = NULL;

	g_option_context_set_summary(context,
				     "Runs azupdate's policy for a whole fleet: 1.1 is published, "
				     "turns out to be bad,\nis paused, and replaced by 1.2.");
	fleet_add(context, &options, &windows);
	story_add(context, &options, &waves);
	output_add(context, &options);
	if (!g_option_context_parse(context, &argc, &argv, &cause))
		return failure_set(error, FAULT_ARGUMENT, "%s", cause->message);
	if (argc > 1)
		return failure_set(error, FAULT_ARGUMENT, "what is \"%s\"?", argv[1]);
	if (!ranges_check(&options, error) ||
	    !waves_parse(waves != NULL ? waves : WAVES, &options.rollout, error) ||
	    !window_parse(windows != NULL ? windows : WINDOWS, &options.windows, error))
		return FALSE;
	*ret_options = options;
	return TRUE;
}

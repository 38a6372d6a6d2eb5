/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>

#include "json.h"
#include "policytext.h"

static const struct {
	const char *name;
	const char *title;
} EVENTS[TALLY_EVENTS] = {
	[TALLY_CHECK] = { "checks", "requests for metadata" },
	[TALLY_DOWNLOAD] = { "downloads", "downloads" },
	[TALLY_BAD] = { "rolled_back", "boots into 1.1 that were rolled back" },
	[TALLY_BAD_GOOD] = { "committed_1_1", "commits of 1.1" },
	[TALLY_FIXED] = { "committed_1_2", "commits of 1.2" },
};
static const double SHARES[] = { 0.01, 0.1, 0.5, 0.9, 0.99, 1.0 };

static gboolean complain(const char *what, uint64_t number)
{
	fprintf(stderr, "fleetsim: it does not add up: %s (%" G_GUINT64_FORMAT ")\n", what, number);
	return FALSE;
}

gboolean report_check(const struct story *story, const struct tally *tally)
{
	const uint64_t *totals = tally->totals;
	const uint64_t boots = totals[TALLY_BAD] + totals[TALLY_BAD_GOOD] + totals[TALLY_FIXED];
	uint64_t running = 0;
	uint64_t behind = 0;
	unsigned newest = 0;

	for (unsigned i = 0; i < STORY_RELEASES; i++)
		running += tally->running[i];
	for (unsigned i = 0; i < POLICY_REASON_COUNT; i++)
		behind += tally->behind[i];
	newest = story_document(story, story->end_s)->n_releases - 1;
	if (tally->impossible > 0)
		return complain("machines did what they must not", tally->impossible);
	if (running != tally->machines || running != (uint64_t)story->options->machines)
		return complain("machines were lost", running);
	if (behind + tally->running[newest] != running)
		return complain("machines that are behind have no reason", behind);
	if (tally->running[2] != totals[TALLY_FIXED])
		return complain("1.2 runs otherwise than it was committed", tally->running[2]);
	if (boots + tally->broken_downloads > totals[TALLY_DOWNLOAD])
		return complain("machines booted what they did not download", boots);
	return TRUE;
}

static double mean_of(const struct tally *tally, enum tally_event event)
{
	return (double)tally->totals[event] / tally->minutes;
}

static void rate_print(const struct tally *tally, enum tally_event event)
{
	const double mean = mean_of(tally, event);

	printf("%-38s %" G_GUINT64_FORMAT ", a minute %.0f on average, %u at most",
	       EVENTS[event].title, tally->totals[event], mean, tally_peak(tally, event));
	if (mean > 0)
		printf(" (%.1f times that)", tally_peak(tally, event) / mean);
	putchar('\n');
}

static void when_print(const struct tally *tally, enum tally_event event)
{
	if (tally->totals[event] == 0)
		return;
	printf("%-38s %" G_GUINT64_FORMAT "; after hours:", EVENTS[event].title,
	       tally->totals[event]);
	for (unsigned i = 0; i < G_N_ELEMENTS(SHARES); i++)
		printf(" %g %% %.1f%s", SHARES[i] * 100,
		       (double)tally_when(tally, event, SHARES[i]) / 3600,
		       i + 1 < G_N_ELEMENTS(SHARES) ? "," : "\n");
}

void report_print(const struct story *story, const struct tally *tally)
{
	printf("%-38s %" G_GUINT64_FORMAT " for %d days\n", "machines", tally->machines,
	       story->options->days);
	rate_print(tally, TALLY_CHECK);
	rate_print(tally, TALLY_DOWNLOAD);
	printf("%-38s %" G_GUINT64_FORMAT ", %.2f %% of all\n", "took the bad release",
	       tally->totals[TALLY_BAD] + tally->totals[TALLY_BAD_GOOD],
	       100.0 * (double)(tally->totals[TALLY_BAD] + tally->totals[TALLY_BAD_GOOD]) /
		       (double)tally->machines);
	if (tally->last_bad_s > 0)
		printf("%-38s %.1f hours\n", "the last one after",
		       (double)(tally->last_bad_s - story->start_s) / 3600);
	for (unsigned i = TALLY_BAD; i < TALLY_EVENTS; i++)
		when_print(tally, (enum tally_event)i);
	for (unsigned i = 0; i < STORY_RELEASES; i++)
		printf("run %-34s %" G_GUINT64_FORMAT "\n", story_version(i), tally->running[i]);
	for (unsigned i = 0; i < POLICY_REASON_COUNT; i++)
		if (tally->behind[i] > 0)
			printf("not the newest, because of %-11s %" G_GUINT64_FORMAT "\n",
			       policytext_reason_name((enum policy_reason_id)i), tally->behind[i]);
	printf("%-38s %" G_GUINT64_FORMAT "\n", "decisions", tally->decisions);
}

static json_t *event_encode(const struct tally *tally, enum tally_event event)
{
	json_t *object = json_pack("{s:I, s:f, s:I, s:[]}", "total",
				   (json_int_t)tally->totals[event], "mean_minute",
				   mean_of(tally, event), "peak_minute",
				   (json_int_t)tally_peak(tally, event), "after_s");

	for (unsigned i = 0; i < G_N_ELEMENTS(SHARES) && tally->totals[event] > 0; i++)
		json_array_append_new(json_object_get(object, "after_s"),
				      json_pack("[f, I]", SHARES[i],
						(json_int_t)tally_when(tally, event, SHARES[i])));
	return object;
}

void report_print_json(const struct story *story, const struct tally *tally)
{
	const int64_t last_s = tally->last_bad_s > 0 ? tally->last_bad_s - story->start_s : 0;
	g_autoptr(JsonValue) object = json_pack(
		"{s:I, s:i, s:I, s:I, s:I, s:I, s:{}, s:{}}", "machines",
		(json_int_t)tally->machines, "days", story->options->days, "failed_checks",
		(json_int_t)tally->failed_checks, "broken_downloads",
		(json_int_t)tally->broken_downloads, "last_bad_s", (json_int_t)last_s, "decisions",
		(json_int_t)tally->decisions, "running", "behind");
	char *text;

	for (unsigned i = 0; i < TALLY_EVENTS; i++)
		json_object_set_new(object, EVENTS[i].name,
				    event_encode(tally, (enum tally_event)i));
	for (unsigned i = 0; i < STORY_RELEASES; i++)
		json_object_set_new(json_object_get(object, "running"), story_version(i),
				    json_integer((json_int_t)tally->running[i]));
	for (unsigned i = 0; i < POLICY_REASON_COUNT; i++)
		if (tally->behind[i] > 0)
			json_object_set_new(json_object_get(object, "behind"),
					    policytext_reason_name((enum policy_reason_id)i),
					    json_integer((json_int_t)tally->behind[i]));
	text = json_dumps(object, JSON_COMPACT);
	printf("%s\n", text);
	free(text); /* jansson's */
}

/* SPDX-License-Identifier: MIT */
#include "tally.h"

enum { MINUTE_S = 60 };

struct tally *tally_new(const struct story *story)
{
	struct tally *tally = g_new0(struct tally, 1);

	tally->start_s = story->start_s;
	tally->minutes = (unsigned)((story->end_s - story->start_s) / MINUTE_S);
	for (unsigned i = 0; i < TALLY_EVENTS; i++)
		tally->counts[i] = g_new0(uint32_t, tally->minutes);
	return tally;
}

void tally_free(struct tally *tally)
{
	for (unsigned i = 0; i < TALLY_EVENTS; i++)
		g_free(tally->counts[i]);
	g_free(tally);
}

void tally_note(struct tally *tally, enum tally_event event, int64_t time_s)
{
	const int64_t minute = (time_s - tally->start_s) / MINUTE_S;

	tally->totals[event]++;
	/* What ends after the end counts for the last minute. */
	tally->counts[event][CLAMP(minute, 0, (int64_t)tally->minutes - 1)]++;
	if (event == TALLY_BAD)
		tally->last_bad_s = MAX(tally->last_bad_s, time_s);
}

void tally_add(struct tally *tally, const struct tally *other)
{
	for (unsigned i = 0; i < TALLY_EVENTS; i++) {
		tally->totals[i] += other->totals[i];
		for (unsigned j = 0; j < tally->minutes; j++)
			tally->counts[i][j] += other->counts[i][j];
	}
	for (unsigned i = 0; i < STORY_RELEASES; i++)
		tally->running[i] += other->running[i];
	for (unsigned i = 0; i < POLICY_REASON_COUNT; i++)
		tally->behind[i] += other->behind[i];
	tally->failed_checks += other->failed_checks;
	tally->broken_downloads += other->broken_downloads;
	tally->decisions += other->decisions;
	tally->machines += other->machines;
	tally->impossible += other->impossible;
	tally->last_bad_s = MAX(tally->last_bad_s, other->last_bad_s);
}

uint32_t tally_peak(const struct tally *tally, enum tally_event event)
{
	uint32_t peak = 0;

	for (unsigned i = 0; i < tally->minutes; i++)
		peak = MAX(peak, tally->counts[event][i]);
	return peak;
}

int64_t tally_when(const struct tally *tally, enum tally_event event, double share)
{
	const double wanted = share * (double)tally->totals[event];
	uint64_t sum = 0;

	for (unsigned i = 0; i < tally->minutes && tally->totals[event] > 0; i++) {
		sum += tally->counts[event][i];
		if ((double)sum >= wanted)
			return (int64_t)(i + 1) * MINUTE_S;
	}
	return -1;
}

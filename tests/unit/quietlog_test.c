/* SPDX-License-Identifier: MIT */
#include "quietlog.h"

#include "tap.h"

enum { SECOND = G_USEC_PER_SEC };

static unsigned lines_taken(struct quietlog *log, gint64 now_us, unsigned count, unsigned *ret_kept)
{
	unsigned taken = 0, kept;

	*ret_kept = 0;
	for (unsigned i = 0; i < count; i++) {
		taken += quietlog_take(log, now_us, &kept) ? 1 : 0;
		*ret_kept += kept;
	}
	return taken;
}

static void test_few_are_said(void)
{
	struct quietlog log = { .since_us = 0 };
	unsigned kept;

	for (gint64 second = 1; second < 1000; second += 30) {
		expect(lines_taken(&log, second * SECOND, 5, &kept) == 5);
		expect(kept == 0);
	}
}

static void test_many_are_not(void)
{
	struct quietlog log = { .since_us = 0 };
	unsigned kept;

	expect(lines_taken(&log, SECOND, 10000, &kept) == QUIETLOG_LINES_MAX);
	expect(kept == 0);
	expect(lines_taken(&log, 60 * SECOND, 1000, &kept) == 0);
	/* The next period tells how many there were. */
	expect(lines_taken(&log, 61 * SECOND, 1, &kept) == 1);
	expect(kept == 10000 - QUIETLOG_LINES_MAX + 1000);
	expect(lines_taken(&log, 62 * SECOND, 1, &kept) == 1);
	expect(kept == 0);
}

static const struct tap_case CASES[] = {
	{ "few are said", test_few_are_said },
	{ "many are not", test_many_are_not },
};

TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "pace.h"

#include "tap.h"

enum { SECOND = 1000000 };

/* A taker that obeys, in chunks of any size, is never faster than the limit but for one chunk and
 * the burst, and loses no time. */
static void limit_walk(uint64_t bytes_s, uint64_t chunk)
{
	struct pace_limit limit = { .bytes_s = bytes_s };
	const int64_t start = 77 * (int64_t)SECOND;
	int64_t now = start;
	uint64_t taken = 0;

	while (now < start + 60 * (int64_t)SECOND) {
		const int64_t wait = pace_limit_wait_us(&limit, now);

		now += wait;
		pace_limit_charge(&limit, now, chunk);
		taken += chunk;
	}
	expect(taken <= bytes_s * 60 + bytes_s / 4 + 2 * chunk);
	expect(taken + bytes_s / 100 + chunk >= bytes_s * 60);
}

static void test_limit(void)
{
	for (uint64_t bytes_s = 1000; bytes_s <= 100000000; bytes_s *= 10)
		for (uint64_t chunk = bytes_s / 50; chunk <= bytes_s * 3; chunk *= 7)
			limit_walk(bytes_s, chunk);
}

/* An idle minute gives no more than a quarter of a second for free. */
static void test_burst(void)
{
	struct pace_limit limit = { .bytes_s = 1000 };

	pace_limit_charge(&limit, 0, 100);
	pace_limit_charge(&limit, 60 * (int64_t)SECOND, 250);
	expect(pace_limit_wait_us(&limit, 60 * (int64_t)SECOND) == 0);
	pace_limit_charge(&limit, 60 * (int64_t)SECOND, 10);
	expect(pace_limit_wait_us(&limit, 60 * (int64_t)SECOND) == 10000);
}

static void test_no_limit(void)
{
	struct pace_limit limit = { 0 };

	pace_limit_charge(&limit, 0, UINT64_MAX);
	expect(pace_limit_wait_us(&limit, 0) == 0);
}

static void test_minimum(void)
{
	struct pace_minimum minimum = { .bytes_s = 1024, .time_us = 60 * (int64_t)SECOND };
	int64_t now = 5;

	pace_minimum_start(&minimum, now);
	minimum.bytes = 60 * 1024;
	expect(!pace_minimum_missed(&minimum, now + 60 * (int64_t)SECOND - 1));
	now += 60 * (int64_t)SECOND;
	expect(!pace_minimum_missed(&minimum, now)); /* just enough; the next window starts */
	minimum.bytes = 60 * 1024 - 1;
	expect(!pace_minimum_missed(&minimum, now + 60 * (int64_t)SECOND - 1));
	now += 60 * (int64_t)SECOND;
	expect(pace_minimum_missed(&minimum, now));
	expect(!pace_minimum_missed(&minimum, now));
	pace_minimum_skip(&minimum, 10 * (int64_t)SECOND);
	expect(!pace_minimum_missed(&minimum, now + 70 * (int64_t)SECOND - 1));
	expect(pace_minimum_missed(&minimum, now + 70 * (int64_t)SECOND));
}

static void test_no_minimum(void)
{
	struct pace_minimum minimum = { .time_us = SECOND };

	expect(!pace_minimum_missed(&minimum, 100 * (int64_t)SECOND));
}

static const struct tap_case CASES[] = {
	{ "limit", test_limit },           { "burst", test_burst },
	{ "no limit", test_no_limit },     { "minimum", test_minimum },
	{ "no minimum", test_no_minimum },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include "tap.h"

static struct backoff fresh(void)
{
	return (struct backoff){ .first_ms = 1000, .most_ms = 60000, .patience_ms = 600000 };
}

/* With the highest draws the bounds show: they double from the first to the last. */
static void test_bounds(void)
{
	static const int64_t BOUNDS[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	struct backoff backoff = fresh();
	int64_t now = 5000;

	for (unsigned i = 0; i < sizeof BOUNDS / sizeof BOUNDS[0]; i++) {
		const uint32_t highest = (uint32_t)BOUNDS[i];

		expect(backoff_fail(&backoff, now, highest, 0));
		expect(backoff.until_ms == now + BOUNDS[i]);
		now = backoff.until_ms;
		expect(backoff_fail(&backoff, now - 1, 0, 0)); /* still waiting: not counted */
		expect(backoff.failures == i + 1 && backoff.until_ms == now);
	}
}

/* Each wait from 0 to the bound is drawn. */
static void test_jitter(void)
{
	for (uint32_t chance = 0; chance <= 2002; chance++) {
		struct backoff backoff = fresh();

		expect(backoff_fail(&backoff, 0, chance, 0));
		expect(backoff.until_ms == (int64_t)(chance % 1001));
	}
}

/* However the draws fall, the last try is made when patience ends, not before and not after. */
static void test_patience(void)
{
	for (uint32_t chance = 1; chance < 100000; chance += 997) {
		struct backoff backoff = fresh();
		int64_t now = 70;

		while (backoff_fail(&backoff, now, chance, 0))
			now = backoff.until_ms > now ? backoff.until_ms : now + 1;
		expect(now == 70 + 600000);
	}
}

static void test_none(void)
{
	struct backoff backoff = fresh();

	backoff.patience_ms = 0;
	expect(!backoff_fail(&backoff, 9, 5, 0));
}

static void test_asked(void)
{
	static const struct {
		uint64_t asked_ms;
		int64_t until_ms;
	} ROWS[] = { { 0, 500 },       { 499, 500 },       { 7000, 7000 },
		     { 60000, 60000 }, { 3600000, 60000 }, { UINT64_MAX, 60000 } };

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct backoff backoff = fresh();

		expect(backoff_fail(&backoff, 0, 500, ROWS[i].asked_ms));
		expect(backoff.until_ms == ROWS[i].until_ms);
	}
}

static void test_succeed(void)
{
	struct backoff backoff = fresh();

	expect(backoff_fail(&backoff, 0, 1000, 0));
	expect(backoff_fail(&backoff, 1000, 2000, 0));
	backoff_succeed(&backoff);
	expect(backoff.until_ms == 0);
	expect(backoff_fail(&backoff, 700000, 1000, 0)); /* patience begins anew */
	expect(backoff.until_ms == 701000 && backoff.since_ms == 700000);
}

static const struct tap_case CASES[] = {
	{ "bounds double", test_bounds },  { "full jitter", test_jitter },
	{ "patience", test_patience },     { "no patience", test_none },
	{ "the server asks", test_asked }, { "after a success", test_succeed },
};
TAP_MAIN(CASES)

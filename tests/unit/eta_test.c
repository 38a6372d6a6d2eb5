/* SPDX-License-Identifier: MIT */
/* Rate and time left, from a clock of our own. */
#include "../../tools/azupdate/eta.h"

#include "tap.h"

enum { MS = 1000, SECOND = 1000000 };

static bool is_near(uint64_t value, uint64_t wanted)
{
	return value >= wanted - wanted / 50 && value <= wanted + wanted / 50;
}

/* `count` samples, `step_us` apart, of `bytes` each. */
static struct rate rate_steady(unsigned count, int64_t step_us, uint64_t bytes)
{
	struct rate rate;

	rate_start(&rate, 7 * SECOND, 1000);
	for (unsigned i = 1; i <= count; i++)
		rate_add(&rate, 7 * SECOND + i * step_us, 1000 + i * bytes);
	return rate;
}

/* What goes steadily has its rate from the first sample on, whatever the distance of samples. */
static void test_steady(void)
{
	static const int64_t STEPS_US[] = { 100 * MS, 200 * MS, SECOND, 10 * SECOND };

	for (unsigned i = 0; i < sizeof STEPS_US / sizeof STEPS_US[0]; i++)
		for (unsigned count = 1; count < 50; count++) {
			const struct rate rate = rate_steady(count, STEPS_US[i],
							     (uint64_t)STEPS_US[i] / 10);

			expect(is_near(rate_bytes_s(&rate), 100000));
			expect(rate_left_s(&rate, 0) == 0);
			expect(is_near((uint64_t)rate_left_s(&rate, 100000000), 1000));
		}
}

static void test_nothing_known(void)
{
	const struct rate started = rate_steady(0, 0, 0);
	const struct rate stalled = rate_steady(10, SECOND, 0);

	expect(rate_bytes_s(&started) == 0 && rate_left_s(&started, 5) == -1);
	expect(rate_bytes_s(&stalled) == 0 && rate_left_s(&stalled, 5) == -1);
}

/* Samples that come in a burst, or from a clock that stands, are counted with the next one. */
static void test_bursts(void)
{
	struct rate rate;

	rate_start(&rate, 0, 0);
	for (unsigned i = 1; i <= 99; i++)
		rate_add(&rate, i, i * 1000);
	expect(rate_bytes_s(&rate) == 0);
	rate_add(&rate, 0, 99000);
	rate_add(&rate, SECOND, 100000);
	expect(is_near(rate_bytes_s(&rate), 100000));
}

/* Old samples are forgotten within seconds, and not at once. */
static void test_change(void)
{
	struct rate rate = rate_steady(20, SECOND, 1000000);
	uint64_t bytes = rate.bytes;
	int64_t time_us = rate.time_us;

	for (unsigned i = 1; i <= 40; i++) {
		const uint64_t before = rate_bytes_s(&rate);

		bytes += 100000;
		time_us += SECOND;
		rate_add(&rate, time_us, bytes);
		expect(rate_bytes_s(&rate) < before);
		if (i == 1)
			expect(rate_bytes_s(&rate) > 700000);
		if (i == 10)
			expect(rate_bytes_s(&rate) < 300000);
	}
	expect(is_near(rate_bytes_s(&rate), 100000));
	for (unsigned i = 1; i <= 120; i++)
		rate_add(&rate, time_us + i * SECOND, bytes);
	expect(rate_bytes_s(&rate) == 0);
}

static void test_counted_anew(void)
{
	struct rate rate = rate_steady(20, SECOND, 5000);

	rate_add(&rate, rate.time_us + SECOND, 0);
	expect(is_near(rate_bytes_s(&rate), 5000));
	rate_add(&rate, rate.time_us + SECOND, 5000);
	expect(is_near(rate_bytes_s(&rate), 5000));
}

static void test_edges(void)
{
	struct rate rate;

	rate_start(&rate, 0, 0);
	rate_add(&rate, SECOND, UINT64_MAX);
	expect(rate_bytes_s(&rate) == 1000000000000000);
	expect(rate_left_s(&rate, UINT64_MAX) == 18447);
	rate_start(&rate, 0, 0);
	rate_add(&rate, SECOND, 10);
	expect(rate_left_s(&rate, 11) == 2);
	expect(rate_left_s(&rate, 3456000) == 96 * 3600);
	expect(rate_left_s(&rate, 3456001) == -1);
	expect(rate_left_s(&rate, UINT64_MAX) == -1);
}

struct moment {
	struct eta_sample sample; /* its time is the row's number, in seconds */
	struct eta_view wanted;
};

/* An install as the daemon tells it: head, copying, fetching, reading back. */
static void test_job(void)
{
	static const struct moment MOMENTS[] = {
		{ { .step_is_new = true, .fetched_bytes = 40 }, { .left_s = -1 } },
		{ { .step_is_new = true,
		    .total_bytes = 100,
		    .fetched_bytes = 50,
		    .fetch_bytes = 250 },
		  { .total_bytes = 100, .left_s = -1 } },
		{ { .done_bytes = 20, .total_bytes = 100, .fetched_bytes = 50, .fetch_bytes = 250 },
		  { .done_bytes = 20, .total_bytes = 100, .bytes_s = 20, .left_s = 4 } },
		{ { .done_bytes = 40, .total_bytes = 100, .fetched_bytes = 50, .fetch_bytes = 250 },
		  { .done_bytes = 40, .total_bytes = 100, .bytes_s = 20, .left_s = 3 } },
		{ { .step_is_new = true,
		    .done_bytes = 40,
		    .total_bytes = 100,
		    .fetched_bytes = 150,
		    .fetch_bytes = 250 },
		  { .is_fetch = true,
		    .done_bytes = 150,
		    .total_bytes = 250,
		    .bytes_s = 41,
		    .left_s = 3 } },
		{ { .done_bytes = 90,
		    .total_bytes = 100,
		    .fetched_bytes = 250,
		    .fetch_bytes = 250 },
		  { .done_bytes = 90, .total_bytes = 100, .bytes_s = 50, .left_s = 1 } },
		{ { .step_is_new = true,
		    .done_bytes = 120,
		    .total_bytes = 100,
		    .fetched_bytes = 250,
		    .fetch_bytes = 250 },
		  { .done_bytes = 100, .total_bytes = 100, .left_s = -1 } },
	};
	struct eta eta = { .fetch_first = 0 };

	for (unsigned i = 0; i < sizeof MOMENTS / sizeof MOMENTS[0]; i++) {
		const struct eta_view *wanted = &MOMENTS[i].wanted;
		struct eta_sample sample = MOMENTS[i].sample;
		struct eta_view view;

		sample.time_us = (int64_t)i * SECOND;
		view = eta_add(&eta, &sample);
		expect(view.is_fetch == wanted->is_fetch && view.left_s == wanted->left_s);
		expect(view.done_bytes == wanted->done_bytes);
		expect(view.total_bytes == wanted->total_bytes);
		expect(view.bytes_s == wanted->bytes_s);
	}
}

static const struct tap_case CASES[] = {
	{ "a steady rate", test_steady },
	{ "nothing known", test_nothing_known },
	{ "bursts of samples", test_bursts },
	{ "a rate that changes", test_change },
	{ "counting that begins anew", test_counted_anew },
	{ "edges", test_edges },
	{ "a job", test_job },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
/* Each piece is done once, and two threads never have the same number. */
#include "parallel.h"

#include "tap.h"

enum { PIECES = 3000, THREADS = 16 };

struct tally {
	gint done[PIECES];
	gint busy[THREADS];
	gint wrong;
	unsigned threads_max;
};

static void work(gpointer user_data, unsigned thread, unsigned index)
{
	struct tally *tally = user_data;

	if (thread >= MIN(parallel_threads(), tally->threads_max) ||
	    !g_atomic_int_compare_and_exchange(&tally->busy[thread], 0, 1)) {
		g_atomic_int_inc(&tally->wrong);
		return;
	}
	g_atomic_int_inc(&tally->done[index]);
	g_atomic_int_set(&tally->busy[thread], 0);
}

static void test_each_once(void)
{
	static const unsigned COUNTS[] = { 0, 1, 2, 3, 15, 16, 17, PIECES };

	for (unsigned i = 0; i < G_N_ELEMENTS(COUNTS); i++) {
		struct tally tally = { .threads_max = THREADS };

		parallel_each(COUNTS[i], work, &tally);
		expect(tally.wrong == 0);
		for (unsigned j = 0; j < PIECES; j++)
			expect(tally.done[j] == (j < COUNTS[i]));
	}
	expect(parallel_threads() >= 1 && parallel_threads() <= THREADS);
}

static void test_few_threads(void)
{
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct tally tally = { .threads_max = threads };

		parallel_each_by(threads, PIECES, work, &tally);
		expect(tally.wrong == 0);
		for (unsigned j = 0; j < PIECES; j++)
			expect(tally.done[j] == 1);
	}
}

static const struct tap_case CASES[] = {
	{ "no more threads than were asked for", test_few_threads },
	{ "each piece is done once", test_each_once },
};
TAP_MAIN(CASES)

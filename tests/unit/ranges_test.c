/* SPDX-License-Identifier: MIT */
/* Every way of putting up to five ranges at small distances, against trying all joins. */
#include "ranges.h"

#include <string.h>

#include "tap.h"

enum { COUNT_MAX = 5, STEP_KINDS = 6 };

/* From the end of one range to the start of the next; -1: it overlaps. */
static const int64_t STEPS[STEP_KINDS] = { 0, 1, 2, 3, 7, -1 };

struct plan {
	struct source_range ranges[COUNT_MAX];
	size_t count;
};

static struct plan plan_make(unsigned number, size_t count)
{
	struct plan plan = { .count = count };
	uint64_t end = 10;

	for (size_t i = 0; i < count; i++, number /= STEP_KINDS) {
		plan.ranges[i].offset = (uint64_t)((int64_t)end + STEPS[number % STEP_KINDS]);
		plan.ranges[i].size_bytes = 1 + i % 2;
		end = plan.ranges[i].offset + plan.ranges[i].size_bytes;
	}
	return plan;
}

/* Joins exactly where `joins` has a bit; false where ranges overlap. */
static bool plan_join(const struct plan *plan, unsigned joins, struct plan *ret_joined)
{
	struct plan joined = { .count = 1, .ranges = { plan->ranges[0] } };

	for (size_t i = 1; i < plan->count; i++) {
		struct source_range *last = &joined.ranges[joined.count - 1];
		const struct source_range *next = &plan->ranges[i];

		if (!(joins >> (i - 1) & 1)) {
			joined.ranges[joined.count++] = *next;
			continue;
		}
		if (next->offset < last->offset + last->size_bytes)
			return false;
		last->size_bytes = next->offset + next->size_bytes - last->offset;
	}
	*ret_joined = joined;
	return true;
}

static uint64_t plan_bytes(const struct plan *plan)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < plan->count; i++)
		bytes += plan->ranges[i].size_bytes;
	return bytes;
}

/* Fewest over the limit first; then the lowest cost, if a request costs `gap`; of equal ones the
 * fewest requests. */
static bool plan_better(const struct plan *a, const struct plan *b, uint64_t gap, size_t limit)
{
	const size_t over_a = a->count > limit ? a->count - limit : 0;
	const size_t over_b = b->count > limit ? b->count - limit : 0;
	const uint64_t cost_a = plan_bytes(a) + a->count * gap;
	const uint64_t cost_b = plan_bytes(b) + b->count * gap;

	if (over_a != over_b)
		return over_a < over_b;
	return cost_a != cost_b ? cost_a < cost_b : a->count < b->count;
}

static struct plan plan_best(const struct plan *plan, uint64_t gap, size_t limit)
{
	struct plan best = *plan;

	for (unsigned joins = 0; joins < 1U << (plan->count - 1); joins++) {
		struct plan joined;

		if (plan_join(plan, joins, &joined) && plan_better(&joined, &best, gap, limit))
			best = joined;
	}
	return best;
}

static bool plan_covers(const struct plan *outer, const struct plan *inner)
{
	for (size_t i = 0, at = 0; i < inner->count; i++) {
		const struct source_range *range = &inner->ranges[i];

		while (at < outer->count &&
		       (outer->ranges[at].offset > range->offset ||
			outer->ranges[at].offset + outer->ranges[at].size_bytes <
				range->offset + range->size_bytes))
			at++;
		if (at == outer->count)
			return false;
	}
	return true;
}

static void plan_try(const struct plan *plan, uint64_t gap, size_t limit)
{
	const struct plan best = plan_best(plan, gap, limit);
	struct plan done = *plan;

	done.count = ranges_coalesce(done.ranges, done.count, gap, limit);
	expect(plan_covers(&done, plan));
	expect(done.count == best.count && plan_bytes(&done) == plan_bytes(&best));
}

static void test_all(void)
{
	unsigned numbers = 1;

	for (size_t count = 1; count <= COUNT_MAX; count++) {
		numbers *= STEP_KINDS;
		for (unsigned number = 0; number < numbers; number++) {
			const struct plan plan = plan_make(number, count);

			for (uint64_t gap = 0; gap < 4; gap++)
				for (size_t limit = 1; limit <= count; limit++)
					plan_try(&plan, gap, limit);
		}
	}
}

static void test_empty(void)
{
	struct source_range ranges[] = { { 5, 0 }, { 7, 2 }, { 8, 0 }, { 9, 1 }, { 100, 0 } };

	expect(ranges_coalesce(ranges, 0, 10, 10) == 0);
	expect(ranges_coalesce(ranges, 1, 10, 10) == 0);
	expect(ranges_coalesce(ranges, 5, 0, 10) == 1);
	expect(ranges[0].offset == 7 && ranges[0].size_bytes == 3);
}

static void test_edges(void)
{
	struct source_range far[] = { { 0, 1 }, { UINT64_MAX - 1, 1 } };
	struct source_range back[] = { { 100, 1 }, { 50, 1 }, { 51, 1 } };

	expect(ranges_coalesce(far, 2, 1000, 2) == 2);
	expect(ranges_coalesce(far, 2, 1000, 1) == 1);
	expect(far[0].size_bytes == UINT64_MAX);
	expect(ranges_coalesce(back, 3, UINT64_MAX, 1) == 2);
	expect(back[0].offset == 100 && back[1].offset == 50 && back[1].size_bytes == 2);
}

static const struct tap_case CASES[] = {
	{ "every small case", test_all },
	{ "empty ranges", test_empty },
	{ "far apart and backwards", test_edges },
};
TAP_MAIN(CASES)

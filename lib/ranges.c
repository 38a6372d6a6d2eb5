/* SPDX-License-Identifier: MIT */
/* A file of n ranges has at most n-1 gaps. Those that are cheaper than a request are closed; if
 * that leaves too many ranges, so are the next smallest, which costs the fewest bytes. */
#include "ranges.h"

#include <glib.h>
#include <stdbool.h>

static const uint64_t GAP_NONE = UINT64_MAX; /* these two cannot be one */

static uint64_t gap_between(const struct source_range *before, const struct source_range *range)
{
	const uint64_t end = before->offset + before->size_bytes;

	return range->offset < end ? GAP_NONE : range->offset - end;
}

static size_t empty_drop(struct source_range *ranges, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (ranges[i].size_bytes > 0)
			ranges[kept++] = ranges[i];
	return kept;
}

static int gap_compare(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left;
	const uint64_t b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Which gaps to close: all below `size_bytes`, and the first `ties` of exactly that size. */
struct closing {
	uint64_t size_bytes;
	size_t ties;
};

static struct closing closing_choose(const struct source_range *ranges, size_t count,
				     uint64_t gap_bytes, size_t count_max)
{
	g_autofree uint64_t *gaps = g_new(uint64_t, count);
	const size_t wanted = count > count_max ? count - count_max : 0;
	size_t below = 0;

	for (size_t i = 1; i < count; i++)
		gaps[i - 1] = gap_between(&ranges[i - 1], &ranges[i]);
	qsort(gaps, count - 1, sizeof *gaps, gap_compare);
	if (wanted == 0 || gaps[wanted - 1] <= gap_bytes)
		return (struct closing){ .size_bytes = gap_bytes, .ties = SIZE_MAX };
	while (gaps[below] < gaps[wanted - 1])
		below++;
	return (struct closing){ .size_bytes = gaps[wanted - 1], .ties = wanted - below };
}

static bool gap_closes(uint64_t gap, struct closing *closing)
{
	if (gap == GAP_NONE || gap > closing->size_bytes)
		return false;
	if (gap < closing->size_bytes)
		return true;
	if (closing->ties == 0)
		return false;
	closing->ties--;
	return true;
}

size_t ranges_coalesce(struct source_range *ranges, size_t count, uint64_t gap_bytes,
		       size_t count_max)
{
	struct closing closing;
	size_t last = 0;

	count = empty_drop(ranges, count);
	if (count < 2)
		return count;
	closing = closing_choose(ranges, count, gap_bytes, MAX(count_max, 1));
	for (size_t i = 1; i < count; i++) {
		const uint64_t gap = gap_between(&ranges[last], &ranges[i]);

		if (gap_closes(gap, &closing))
			ranges[last].size_bytes += gap + ranges[i].size_bytes;
		else
			ranges[++last] = ranges[i];
	}
	return last + 1;
}

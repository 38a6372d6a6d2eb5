/* SPDX-License-Identifier: MIT */
#pragma once
/* Ranges: which parts of a file to ask for, so that neither bytes nor requests are wasted. Pure. */

#include <stddef.h>
#include <stdint.h>

struct source_range {
	uint64_t offset;
	uint64_t size_bytes; /* offset + size_bytes does not overflow */
};

enum {
	RANGES_GAP_BYTES = 8192, /* what a request costs, roughly, in bytes that could have come */
	RANGES_COUNT_MAX = 1024, /* requests for one payload, of a polite client */
};

/* Joins neighbours in place and returns how many are left. A range joins the one before it when it
 * begins where that ends or up to gap_bytes behind; more are joined, smallest gap first, until
 * count_max are left. What is in the gap is fetched for nothing.
 *
 * The order is kept: a range that begins before the end of its predecessor begins anew, so that
 * ranges which do not rise may be left as more than count_max. Empty ones are dropped. */
size_t ranges_coalesce(struct source_range *ranges, size_t count, uint64_t gap_bytes,
		       size_t count_max);

/* SPDX-License-Identifier: MIT */
#include "suffix.h"

#include <divsufsort.h>

enum { PAIRS = 1 << 16 };

struct suffix {
	const uint8_t *bytes;
	size_t size_bytes;
	int32_t *order;
	/* Suffixes that begin with the pair p are order[first[p]] to order[first[p + 1]]. */
	uint32_t first[PAIRS + 1];
};

/* The last byte alone is a suffix too; it sorts before all that go on after the same byte. */
static void pairs_count(struct suffix *suffix)
{
	const uint8_t *bytes = suffix->bytes;
	const size_t size = suffix->size_bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		suffix->first[bytes[i] << 8 | (i + 1 < size ? bytes[i + 1] : 0)]++;
	for (unsigned pair = 0; pair <= PAIRS; pair++) {
		const uint32_t count = suffix->first[pair];

		suffix->first[pair] = sum;
		sum += count;
	}
}

struct suffix *suffix_new(const uint8_t *bytes, size_t size_bytes)
{
	struct suffix *suffix = g_new0(struct suffix, 1);

	g_assert(size_bytes <= SUFFIX_SIZE_MAX);
	suffix->bytes = bytes;
	suffix->size_bytes = size_bytes;
	suffix->order = g_new(int32_t, size_bytes + 1);
	pairs_count(suffix);
	if (divsufsort(bytes, suffix->order, (int32_t)size_bytes) != 0)
		g_error("out of memory"); /* as g_malloc() would */
	return suffix;
}

void suffix_free(struct suffix *suffix)
{
	if (suffix == NULL)
		return;
	g_free(suffix->order);
	g_free(suffix);
}

/* Goes on from `same` bytes, which are known to be equal. */
static size_t same_count(const struct suffix *suffix, size_t at, const uint8_t *wanted, size_t same,
			 size_t size_bytes)
{
	const size_t most = MIN(size_bytes, suffix->size_bytes - at);
	const uint8_t *bytes = suffix->bytes + at;

	while (same < most && bytes[same] == wanted[same])
		same++;
	return same;
}

size_t suffix_find(const struct suffix *suffix, const uint8_t *wanted, size_t size_bytes,
		   size_t *ret_at)
{
	size_t low, high, same_low = 0, same_high = 0, best = 0;

	if (size_bytes < 2)
		return 0;
	low = suffix->first[wanted[0] << 8 | wanted[1]];
	high = suffix->first[(wanted[0] << 8 | wanted[1]) + 1];
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const size_t at = (size_t)suffix->order[middle];
		const size_t same = same_count(suffix, at, wanted, MIN(same_low, same_high),
					       size_bytes);

		if (same > best) {
			best = same;
			*ret_at = at;
		}
		if (same == size_bytes)
			break;
		if (at + same == suffix->size_bytes || suffix->bytes[at + same] < wanted[same]) {
			low = middle + 1;
			same_low = same;
		} else {
			high = middle;
			same_high = same;
		}
	}
	return best;
}

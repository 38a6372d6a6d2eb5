/* SPDX-License-Identifier: MIT */
#include "deltamatch.h"

#include <string.h>

#include "suffix.h"
#include "tap.h"

enum { SIZE = 20000 };

static uint64_t state = 1;

static uint64_t random_next(void)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return state >> 33;
}

static void noise_fill(uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		bytes[i] = (uint8_t)random_next();
}

struct sums {
	uint64_t add, equal, extra;
};

/* That the matches stay inside and make up all of the new content; and what they have. */
static struct sums matches_check(const struct deltamatch_content *old_content,
				 const struct deltamatch_content *new_content)
{
	g_autoptr(GArray) matches = g_array_new(FALSE, FALSE, sizeof(struct deltamatch));
	struct sums sums = { 0, 0, 0 };
	uint64_t at = 0;

	deltamatch_find(old_content, new_content, matches);
	for (guint i = 0; i < matches->len; i++) {
		const struct deltamatch *match = &g_array_index(matches, struct deltamatch, i);
		const bool inside = match->old_at + match->add <= old_content->size_bytes &&
				    at + match->add + match->extra <= new_content->size_bytes;

		expect(inside);
		for (uint64_t j = 0; inside && j < match->add; j++)
			sums.equal += old_content->bytes[match->old_at + j] ==
				      new_content->bytes[at + j];
		sums.add += match->add;
		sums.extra += match->extra;
		at += match->add + match->extra;
	}
	expect(at == new_content->size_bytes);
	return sums;
}

static void test_same(void)
{
	uint8_t bytes[SIZE];
	const struct deltamatch_content content = { bytes, SIZE };
	struct sums sums;

	noise_fill(bytes, SIZE);
	sums = matches_check(&content, &content);
	expect(sums.equal == SIZE && sums.extra == 0);
	memset(bytes, 0, SIZE); /* would take for ever if every start were tried */
	sums = matches_check(&content, &content);
	expect(sums.equal == SIZE && sums.extra == 0);
}

/* 100 new bytes in the middle, 50 less later, and every 40th byte another one. */
static void test_edited(void)
{
	uint8_t old_bytes[SIZE], new_bytes[SIZE + 50];
	const struct deltamatch_content old_content = { old_bytes, SIZE };
	const struct deltamatch_content new_content = { new_bytes, SIZE + 50 };
	struct sums sums;

	noise_fill(old_bytes, SIZE);
	memcpy(new_bytes, old_bytes, 5000);
	noise_fill(new_bytes + 5000, 100);
	memcpy(new_bytes + 5100, old_bytes + 5000, 7000);
	memcpy(new_bytes + 12100, old_bytes + 12050, SIZE - 12050);
	for (unsigned i = 0; i < SIZE; i += 40)
		new_bytes[i]++;
	sums = matches_check(&old_content, &new_content);
	expect(sums.extra >= 80 && sums.extra <= 120);
	expect(sums.add - sums.equal <= SIZE / 40 + 40);
}

static void test_moved(void)
{
	uint8_t old_bytes[SIZE], new_bytes[SIZE];
	const struct deltamatch_content old_content = { old_bytes, SIZE };
	const struct deltamatch_content new_content = { new_bytes, SIZE };
	struct sums sums;

	noise_fill(old_bytes, SIZE);
	memcpy(new_bytes, old_bytes + 15000, 5000);
	memcpy(new_bytes + 5000, old_bytes, 15000);
	sums = matches_check(&old_content, &new_content);
	expect(sums.equal >= SIZE - 8 && sums.extra <= 8);
}

static void test_unlike(void)
{
	uint8_t old_bytes[SIZE], new_bytes[SIZE];
	const struct deltamatch_content sizes[] = { { old_bytes, SIZE },
						    { old_bytes, 1 },
						    { old_bytes, 0 } };

	noise_fill(old_bytes, SIZE);
	noise_fill(new_bytes, SIZE);
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		const struct deltamatch_content new_content = { new_bytes, SIZE };
		const struct deltamatch_content nothing = { new_bytes, 0 };

		expect(matches_check(&sizes[i], &new_content).extra > SIZE - 100);
		matches_check(&sizes[i], &nothing);
	}
}

/* The longest start of what is wanted, found by trying everything. */
static void test_suffix(void)
{
	for (unsigned round = 0; round < 50; round++) {
		const size_t size = 1 + random_next() % 60;
		uint8_t bytes[64], wanted[8];
		g_autoptr(Suffix) suffix = NULL;

		for (size_t i = 0; i < size; i++)
			bytes[i] = random_next() % 3 == 0 ? 0 : 'a';
		suffix = suffix_new(bytes, size);
		for (unsigned code = 0; code < 256; code++) {
			size_t best = 0, at = 0, found;

			for (unsigned i = 0; i < 8; i++)
				wanted[i] = (code >> i & 1) != 0 ? 0 : 'a';
			for (size_t i = 0; i < size; i++)
				for (size_t n = 1; n <= 8 && i + n <= size; n++)
					if (memcmp(bytes + i, wanted, n) == 0 && n > best)
						best = n;
			found = suffix_find(suffix, wanted, 8, &at);
			expect(found == best || (best < 2 && found == 0));
			expect(found == 0 || memcmp(bytes + at, wanted, found) == 0);
		}
	}
}

static const struct tap_case CASES[] = {
	{ "the same content", test_same }, { "an edited content", test_edited },
	{ "moved pieces", test_moved },    { "nothing alike", test_unlike },
	{ "suffixes", test_suffix },
};
TAP_MAIN(CASES)

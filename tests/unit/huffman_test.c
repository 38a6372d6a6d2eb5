/* SPDX-License-Identifier: MIT */
#include "huffman.h"

#include <string.h>

#include "tap.h"

enum { SYMBOLS_MAX = DEFLATE_LITERALS };

static uint64_t state;

/* splitmix64, https://prng.di.unimi.it/splitmix64.c (public domain); any generator would do. */
static uint64_t random_next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* How much of the code space is taken, in parts of 1 << DEFLATE_BITS_MAX. */
static unsigned space_taken(const uint8_t *lengths, unsigned count)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++)
		if (lengths[i] > 0)
			taken += 1u << (DEFLATE_BITS_MAX - lengths[i]);
	return taken;
}

static uint64_t cost(const uint32_t *counts, const uint8_t *lengths, unsigned count)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < count; i++)
		bits += (uint64_t)counts[i] * lengths[i];
	return bits;
}

/* The least that any code without a limit costs: the sum of all inner nodes, found by looking
 * for the two rarest again and again. */
static uint64_t cost_least(const uint32_t *counts, unsigned count)
{
	uint64_t nodes[SYMBOLS_MAX];
	unsigned left = 0;
	uint64_t bits = 0;

	for (unsigned i = 0; i < count; i++)
		if (counts[i] > 0)
			nodes[left++] = counts[i];
	while (left > 1) {
		for (unsigned place = 0; place < 2; place++)
			for (unsigned i = place + 1; i < left; i++)
				if (nodes[i] < nodes[place]) {
					const uint64_t node = nodes[i];

					nodes[i] = nodes[place];
					nodes[place] = node;
				}
		nodes[0] += nodes[1];
		bits += nodes[0];
		nodes[1] = nodes[--left];
	}
	return bits;
}

static void test_small(void)
{
	static const struct {
		uint32_t counts[5];
		uint8_t lengths[5];
		unsigned used;
	} ROWS[] = {
		{ { 0, 0, 0, 0, 0 }, { 1, 1, 0, 0, 0 }, 2 }, /* two symbols at the least */
		{ { 3, 0, 0, 0, 0 }, { 1, 1, 0, 0, 0 }, 2 },
		{ { 0, 3, 0, 0, 0 }, { 0, 1, 1, 0, 0 }, 3 },
		{ { 0, 0, 3, 0, 0 }, { 1, 0, 1, 0, 0 }, 3 },
		{ { 0, 0, 0, 0, 9 }, { 1, 0, 0, 0, 1 }, 5 },
		{ { 1, 1, 1, 1, 0 }, { 2, 2, 2, 2, 0 }, 4 },
		{ { 8, 4, 2, 1, 0 }, { 1, 2, 3, 3, 0 }, 4 },
		{ { 1, 2, 4, 8, 16 }, { 4, 4, 3, 2, 1 }, 5 },
		{ { 1, 1, 2, 2, 0 }, { 2, 2, 2, 2, 0 }, 4 }, /* of equals, the flatter first */
		{ { 1, 1, 2, 3, 0 }, { 3, 3, 2, 1, 0 }, 4 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		uint8_t lengths[5];

		expect(huffman_lengths_make(ROWS[i].counts, 5, 15, lengths) == ROWS[i].used);
		expect(memcmp(lengths, ROWS[i].lengths, sizeof lengths) == 0);
	}
}

static void test_shortest(void)
{
	state = 1;
	for (unsigned round = 0; round < 500; round++) {
		const unsigned count = 2 + (unsigned)(random_next() % (SYMBOLS_MAX - 1));
		const unsigned range = 1u << random_next() % 6; /* no code gets near the limit */
		uint32_t counts[SYMBOLS_MAX];
		uint8_t lengths[SYMBOLS_MAX];

		for (unsigned i = 0; i < count; i++)
			counts[i] = (uint32_t)(random_next() % range);
		counts[0] = counts[count - 1] = 1;
		expect(huffman_lengths_make(counts, count, 15, lengths) == count);
		expect(space_taken(lengths, count) == 1u << DEFLATE_BITS_MAX);
		if (cost(counts, lengths, count) != cost_least(counts, count))
			printf("%u %u %lu %lu\n", count, range, cost(counts, lengths, count),
			       cost_least(counts, count));
		expect(cost(counts, lengths, count) == cost_least(counts, count));
	}
}

/* Counts that double make the deepest tree; the limit makes it flatter, not wrong. */
static void test_limited(void)
{
	for (unsigned count = 3; count <= 28; count++) {
		uint32_t counts[28];
		uint8_t lengths[28];

		for (unsigned i = 0; i < count; i++)
			counts[i] = 1u << i;
		for (unsigned bits = 5; bits <= 15; bits++) {
			unsigned longest = 0;

			huffman_lengths_make(counts, count, bits, lengths);
			for (unsigned i = 0; i < count; i++) {
				longest = lengths[i] > longest ? lengths[i] : longest;
				expect(lengths[i] > 0);
				expect(i == 0 || lengths[i] <= lengths[i - 1]);
			}
			expect(longest == (count - 1 < bits ? count - 1 : bits));
			expect(space_taken(lengths, count) == 1u << DEFLATE_BITS_MAX);
		}
	}
}

/* RFC 1951, 3.2.2: lengths 3 3 3 3 3 2 4 4 give 010 011 100 101 110 00 1110 1111. */
static void test_codes(void)
{
	static const uint8_t LENGTHS[] = { 3, 3, 3, 3, 3, 2, 4, 4, 0 };
	static const uint16_t CODES[] = { 2, 6, 1, 5, 3, 0, 7, 15, 0 };
	uint16_t codes[sizeof LENGTHS];

	huffman_codes_make(LENGTHS, sizeof LENGTHS, codes);
	expect(memcmp(codes, CODES, sizeof CODES) == 0);
}

static void test_header(void)
{
	state = 2;
	for (unsigned round = 0; round < 2000; round++) {
		struct huffman_counts counts = { { 0 }, { 0 } };
		struct huffman_lengths lengths;
		struct huffman_lengths expanded;
		struct deflate_header header;
		const unsigned sparse = 1 + (unsigned)(random_next() % 40) * (round % 16 != 0);

		for (unsigned i = 0; i < DEFLATE_LITERALS; i++)
			if (random_next() % sparse == 0)
				counts.literals[i] = round % 8 == 0 ? 1
								    : (uint32_t)(random_next() % 9);
		for (unsigned i = 0; i < DEFLATE_DISTANCES; i++)
			if (random_next() % sparse == 0)
				counts.distances[i] = (uint32_t)(random_next() % 999);
		counts.literals[DEFLATE_END] = 1;
		huffman_dynamic(&counts, &lengths, &header);
		expect(huffman_header_expand(&header, &expanded));
		expect(memcmp(&expanded, &lengths, sizeof lengths) == 0);
		for (unsigned i = 0; i < header.symbol_count; i++)
			expect(header.repeats[i] < 1u << deflate_symbol_extra(header.symbols[i]));
		expect(header.order_count >= 4 && header.literal_count >= 257);
		expect(huffman_header_bits(&header) > 14 + 3u * header.order_count);
	}
}

static void test_header_damaged(void)
{
	static const struct {
		uint16_t count;
		uint8_t symbols[4];
		uint8_t repeats[4];
		bool is_fine;
	} ROWS[] = {
		{ 3, { 18, 18, 1 }, { 127, 108, 0 }, true },
		{ 3, { 18, 18, 1 }, { 127, 107, 0 }, false },        /* too few */
		{ 3, { 18, 18, 1 }, { 127, 109, 0 }, false },        /* too many */
		{ 4, { 16, 18, 18, 1 }, { 0, 127, 105, 0 }, false }, /* nothing to repeat */
		{ 4, { 1, 16, 18, 18 }, { 0, 3, 127, 102 }, true },
		{ 0, { 0 }, { 0 }, false },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct deflate_header header = { .literal_count = 257, .distance_count = 1 };
		struct huffman_lengths lengths;

		header.symbol_count = ROWS[i].count;
		memcpy(header.symbols, ROWS[i].symbols, sizeof ROWS[i].symbols);
		memcpy(header.repeats, ROWS[i].repeats, sizeof ROWS[i].repeats);
		expect(huffman_header_expand(&header, &lengths) == ROWS[i].is_fine);
	}
}

/* The largest header, and one length more than it has room for. */
static void test_header_full(void)
{
	struct deflate_header header = { .literal_count = 286,
					 .distance_count = 30,
					 .symbol_count = 3,
					 .symbols = { 18, 18, 18 },
					 .repeats = { 127, 127, 29 } };
	struct huffman_lengths lengths;

	expect(huffman_header_expand(&header, &lengths));
	header.repeats[2]++;
	expect(!huffman_header_expand(&header, &lengths));
}

/* Each length and distance has the code whose range it is in. */
static void test_ranges(void)
{
	for (unsigned length = DEFLATE_LENGTH_MIN; length <= DEFLATE_LENGTH_MAX; length++) {
		const unsigned code = deflate_length_code(length);
		const unsigned base = deflate_length_base(code);

		expect(code < 29 && length >= base);
		expect(length - base < 1u << deflate_length_extra(code));
	}
	for (unsigned distance = 1; distance <= DEFLATE_DISTANCE_MAX; distance++) {
		const unsigned code = deflate_distance_code(distance);
		const unsigned base = deflate_distance_base(code);

		expect(code < DEFLATE_DISTANCES && distance >= base);
		expect(distance - base < 1u << deflate_distance_extra(code));
	}
	expect(deflate_length_code(258) == 28 && deflate_length_extra(28) == 0);
	expect(deflate_length_base(27) == 227 && deflate_length_extra(27) == 5);
	expect(deflate_distance_base(29) == 24577 && deflate_distance_extra(29) == 13);
}

static const struct tap_case CASES[] = {
	{ "small codes", test_small },
	{ "codes are as short as can be", test_shortest },
	{ "codes with a limit", test_limited },
	{ "canonical codes", test_codes },
	{ "headers describe their codes", test_header },
	{ "damaged headers", test_header_damaged },
	{ "the largest header", test_header_full },
	{ "ranges of lengths and distances", test_ranges },
};
TAP_MAIN(CASES)

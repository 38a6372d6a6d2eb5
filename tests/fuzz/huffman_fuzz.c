/* SPDX-License-Identifier: MIT */
/* Huffman codes: of any counts a code is made whose words fit, none of which begins another, and
 * which is as short as a plain Huffman tree where no limit of bits gets in its way; and headers of
 * deflate blocks expand to lengths that they can have. */
#include "huffman.h"

#include <string.h>

#include "fuzz.h"

enum { SYMBOLS = DEFLATE_LITERALS };

/* Sum of 2^-length over the symbols, times 2^15; a full code has 2^15. */
static uint32_t kraft(const uint8_t *lengths, unsigned count)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		if (lengths[i] > 0)
			sum += 1U << (DEFLATE_BITS_MAX - lengths[i]);
	return sum;
}

/* The bits that a tree takes: two smallest ones joined, as long as there are two. */
static uint64_t plain_cost(const uint32_t *counts, unsigned count)
{
	uint64_t weights[SYMBOLS];
	uint64_t cost = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		if (counts[i] > 0)
			weights[n++] = counts[i];
	if (n == 1)
		return weights[0];
	for (; n > 1; n--) {
		for (unsigned place = 0; place < 2; place++)
			for (unsigned i = place + 1; i < n; i++)
				if (weights[i] < weights[place]) {
					const uint64_t smaller = weights[i];

					weights[i] = weights[place];
					weights[place] = smaller;
				}
		weights[0] += weights[1];
		cost += weights[0];
		weights[1] = weights[n - 1];
	}
	return cost;
}

static void lengths_check(const uint32_t *counts, unsigned count, unsigned bits_max)
{
	uint8_t lengths[SYMBOLS] = { 0 };
	const unsigned used = huffman_lengths_make(counts, count, bits_max, lengths);
	uint64_t cost = 0;
	unsigned longest = 0;

	promise(used <= count);
	for (unsigned i = 0; i < count; i++) {
		promise(lengths[i] <= bits_max && (i < used || lengths[i] == 0));
		promise(counts[i] == 0 || lengths[i] > 0);
		cost += (uint64_t)lengths[i] * counts[i];
		longest = MAX(longest, lengths[i]);
	}
	promise(kraft(lengths, count) <= 1 << DEFLATE_BITS_MAX);
	promise(longest == bits_max || cost == plain_cost(counts, count));
	promise(cost >= plain_cost(counts, count));
}

/* What a block with such counts says in its header is what its reader finds. */
static void header_check(const uint32_t *counts, unsigned count)
{
	struct huffman_counts block = { .literals = { [DEFLATE_END] = 1 } };
	struct huffman_lengths made;
	struct huffman_lengths read;
	struct deflate_header header;

	for (unsigned i = 0; i < count; i++)
		block.literals[i] += counts[i];
	for (unsigned i = 0; i < MIN(count, (unsigned)DEFLATE_DISTANCES); i++)
		block.distances[i] = counts[count - 1 - i];
	huffman_dynamic(&block, &made, &header);
	promise(huffman_header_expand(&header, &read));
	promise(memcmp(made.literals, read.literals, sizeof made.literals) == 0);
	promise(memcmp(made.distances, read.distances, sizeof made.distances) == 0);
	promise(huffman_header_bits(&header) > 14);
	promise(huffman_token_bits(&block, &made) > 0);
}

/* A header of hostile numbers, as far as its reader lets them be. */
static void hostile_check(const uint8_t *bytes, size_t size_bytes)
{
	struct deflate_header header = { .literal_count = 257, .distance_count = 1 };
	struct huffman_lengths lengths;

	if (size_bytes < sizeof header.order_lengths + 2)
		return;
	header.literal_count = (uint16_t)(257 + bytes[0] % 30);
	header.distance_count = (uint16_t)(1 + bytes[1] % 30);
	header.order_count = DEFLATE_ORDERS;
	for (unsigned i = 0; i < DEFLATE_ORDERS; i++)
		header.order_lengths[i] = bytes[2 + i] % 8;
	bytes += 2 + DEFLATE_ORDERS;
	size_bytes -= 2 + DEFLATE_ORDERS;
	header.symbol_count = (uint16_t)MIN(size_bytes, G_N_ELEMENTS(header.symbols));
	for (unsigned i = 0; i < header.symbol_count; i++) {
		header.symbols[i] = bytes[i] % DEFLATE_ORDERS;
		header.repeats[i] = bytes[i] / DEFLATE_ORDERS;
	}
	if (!huffman_header_expand(&header, &lengths))
		return;
	for (unsigned i = 0; i < DEFLATE_FIXED_LITERALS; i++)
		promise(lengths.literals[i] <= DEFLATE_BITS_MAX);
	for (unsigned i = 0; i < DEFLATE_DISTANCES; i++)
		promise(lengths.distances[i] <= DEFLATE_BITS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	uint32_t counts[SYMBOLS] = { 0 };
	const unsigned count = (unsigned)MIN(size_bytes, (size_t)SYMBOLS);

	hostile_check(bytes, size_bytes);
	if (count < 3)
		return 0;
	/* Small, middling and large ones. */
	for (unsigned i = 0; i < count; i++)
		counts[i] = (uint32_t)(bytes[i] % 16) << (bytes[i] / 16);
	lengths_check(counts, count, DEFLATE_BITS_MAX);
	if (count <= DEFLATE_ORDERS)
		lengths_check(counts, count, DEFLATE_ORDER_BITS_MAX);
	header_check(counts, count);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	if (number > 2 || room < SYMBOLS)
		return 0;
	for (unsigned i = 0; i < SYMBOLS; i++)
		ret_bytes[i] = (uint8_t)(number == 0 ? 1 : number == 1 ? i : i % 16 << 4 | 1);
	return number == 1 ? DEFLATE_ORDERS : SYMBOLS;
}

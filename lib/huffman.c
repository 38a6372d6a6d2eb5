/* SPDX-License-Identifier: MIT */
#include "huffman.h"

#include <string.h>

enum { NODES_MAX = 2 * DEFLATE_LITERALS + 1 };

/* A tree that grows from its leaves: nodes below `symbol_count` are symbols. */
struct tree {
	uint32_t counts[NODES_MAX];
	uint16_t parents[NODES_MAX];
	uint8_t depths[NODES_MAX]; /* of the longest way down */
	uint16_t heap[NODES_MAX];  /* from 1 on; the least of all nodes is first */
	unsigned heap_count;
	uint16_t taken[NODES_MAX]; /* nodes in the order in which they left the heap */
	unsigned taken_count;
};

void huffman_token_count(struct huffman_counts *counts, uint32_t token)
{
	const unsigned distance = deflate_distance(token);

	if (distance == 0) {
		counts->literals[token]++;
		return;
	}
	counts->literals[DEFLATE_END + 1 + deflate_length_code(deflate_length(token))]++;
	counts->distances[deflate_distance_code(distance)]++;
}

static bool node_is_before(const struct tree *tree, unsigned a, unsigned b)
{
	if (tree->counts[a] != tree->counts[b])
		return tree->counts[a] < tree->counts[b];
	return tree->depths[a] <= tree->depths[b];
}

/* Puts `node` where it belongs, from the place `at` downwards. Which of two equal nodes moves up
 * decides between equally short codes, so it is part of the model. */
static void heap_sink(struct tree *tree, unsigned at, uint16_t node)
{
	for (unsigned child = 2 * at; child <= tree->heap_count; child = 2 * at) {
		if (child < tree->heap_count &&
		    node_is_before(tree, tree->heap[child + 1], tree->heap[child]))
			child++;
		if (node_is_before(tree, node, tree->heap[child]))
			break;
		tree->heap[at] = tree->heap[child];
		at = child;
	}
	tree->heap[at] = node;
}

static uint16_t heap_take(struct tree *tree)
{
	const uint16_t node = tree->heap[1];

	heap_sink(tree, 1, tree->heap[tree->heap_count--]);
	tree->taken[tree->taken_count++] = node;
	return node;
}

/* Symbols that occur, and as many others as make two: a code of one symbol is not sent. Returns the
 * number of symbols up to the last of them. */
static unsigned tree_leaves(struct tree *tree, const uint32_t *counts, unsigned symbol_count)
{
	unsigned used = 0;

	memset(tree, 0, sizeof *tree);
	for (unsigned symbol = 0; symbol < symbol_count; symbol++) {
		tree->counts[symbol] = counts[symbol];
		if (counts[symbol] > 0) {
			tree->heap[++tree->heap_count] = (uint16_t)symbol;
			used = symbol + 1;
		}
	}
	while (tree->heap_count < 2) {
		const uint16_t symbol = used < 3 ? (uint16_t)used++ : 0;

		tree->heap[++tree->heap_count] = symbol;
		tree->counts[symbol] = 1;
	}
	return used;
}

static void tree_join(struct tree *tree, unsigned symbol_count)
{
	uint16_t node = (uint16_t)symbol_count;

	for (unsigned at = tree->heap_count / 2; at >= 1; at--)
		heap_sink(tree, at, tree->heap[at]);
	for (; tree->heap_count >= 2; node++) {
		const uint16_t a = heap_take(tree);
		const uint16_t b = tree->heap[1];

		tree->taken[tree->taken_count++] = b;
		tree->counts[node] = tree->counts[a] + tree->counts[b];
		tree->depths[node] = (uint8_t)((tree->depths[a] > tree->depths[b]
							? tree->depths[a]
							: tree->depths[b]) +
					       1);
		tree->parents[a] = tree->parents[b] = node;
		heap_sink(tree, 1, node);
	}
	tree->taken[tree->taken_count++] = tree->heap[1];
}

/* Each node's depth, but not more than `bits_max`. Returns how many were deeper. */
static unsigned lengths_measure(const struct tree *tree, unsigned bits_max, uint8_t *ret_lengths)
{
	unsigned too_deep = 0;

	ret_lengths[tree->taken[tree->taken_count - 1]] = 0;
	for (unsigned i = tree->taken_count - 1; i-- > 0;) {
		const unsigned node = tree->taken[i];
		unsigned length = ret_lengths[tree->parents[node]] + 1u;

		if (length > bits_max) {
			length = bits_max;
			too_deep++;
		}
		ret_lengths[node] = (uint8_t)length;
	}
	return too_deep;
}

/* Too deep leaves are pulled up, and for each two of them one higher leaf goes down; then the
 * rarest symbols get the longest codes. */
static void lengths_limit(const struct tree *tree, unsigned symbol_count, unsigned bits_max,
			  unsigned too_deep, uint8_t *lengths)
{
	unsigned leaves[DEFLATE_BITS_MAX + 1] = { 0 };
	unsigned length;

	for (unsigned i = 0; i < tree->taken_count; i++)
		if (tree->taken[i] < symbol_count)
			leaves[lengths[tree->taken[i]]]++;
	for (; too_deep > 0; too_deep -= too_deep > 2 ? 2 : too_deep) {
		for (length = bits_max - 1; leaves[length] == 0;)
			length--;
		leaves[length]--;
		leaves[length + 1] += 2;
		leaves[bits_max]--;
	}
	length = bits_max;
	for (unsigned i = 0; i < tree->taken_count; i++) {
		if (tree->taken[i] >= symbol_count)
			continue;
		while (leaves[length] == 0)
			length--;
		leaves[length]--;
		lengths[tree->taken[i]] = (uint8_t)length;
	}
}

unsigned huffman_lengths_make(const uint32_t *counts, unsigned symbol_count, unsigned bits_max,
			      uint8_t *ret_lengths)
{
	struct tree tree;
	uint8_t lengths[NODES_MAX] = { 0 };
	const unsigned used = tree_leaves(&tree, counts, symbol_count);
	unsigned too_deep;

	tree_join(&tree, symbol_count);
	too_deep = lengths_measure(&tree, bits_max, lengths);
	if (too_deep > 0)
		lengths_limit(&tree, symbol_count, bits_max, too_deep, lengths);
	memcpy(ret_lengths, lengths, symbol_count);
	return used;
}

static unsigned bits_reverse(unsigned bits, unsigned count)
{
	unsigned reversed = 0;

	for (unsigned i = 0; i < count; i++)
		reversed |= (bits >> i & 1) << (count - 1 - i);
	return reversed;
}

void huffman_codes_make(const uint8_t *lengths, unsigned symbol_count, uint16_t *ret_codes)
{
	uint32_t next[DEFLATE_BITS_MAX + 2] = { 0 };

	for (unsigned symbol = 0; symbol < symbol_count; symbol++)
		if (lengths[symbol] > 0)
			next[lengths[symbol] + 1]++;
	for (unsigned length = 1; length <= DEFLATE_BITS_MAX; length++)
		next[length + 1] = (next[length] + next[length + 1]) << 1;
	for (unsigned symbol = 0; symbol < symbol_count; symbol++) {
		const unsigned length = lengths[symbol];

		ret_codes[symbol] = 0;
		if (length > 0)
			ret_codes[symbol] = (uint16_t)bits_reverse(next[length]++, length);
	}
}

void huffman_fixed(struct huffman_lengths *ret_lengths)
{
	for (unsigned symbol = 0; symbol < DEFLATE_FIXED_LITERALS; symbol++)
		ret_lengths->literals[symbol] = symbol < 144   ? 8
						: symbol < 256 ? 9
						: symbol < 280 ? 7
							       : 8;
	memset(ret_lengths->distances, 5, sizeof ret_lengths->distances);
}

static void header_symbol(struct deflate_header *header, unsigned symbol, unsigned repeat)
{
	header->symbols[header->symbol_count] = (uint8_t)symbol;
	header->repeats[header->symbol_count++] = (uint8_t)repeat;
}

/* One run of `count` equal lengths, which is short enough for one symbol. */
static void header_run(struct deflate_header *header, unsigned length, unsigned count,
		       bool is_known)
{
	const unsigned shortest = length == 0 || is_known ? 3 : 4;

	if (count < shortest) {
		for (unsigned i = 0; i < count; i++)
			header_symbol(header, length, 0);
	} else if (length == 0) {
		if (count <= 10)
			header_symbol(header, DEFLATE_ZEROS_SHORT, count - 3);
		else
			header_symbol(header, DEFLATE_ZEROS_LONG, count - 11);
	} else {
		if (!is_known)
			header_symbol(header, length, 0);
		header_symbol(header, DEFLATE_REPEAT, count - (is_known ? 3 : 4));
	}
}

static void header_lengths(struct deflate_header *header, const uint8_t *lengths, unsigned count)
{
	unsigned previous = 0xff;
	unsigned run;

	for (unsigned i = 0; i < count; i += run) {
		const bool is_known = lengths[i] == previous;
		const unsigned longest = lengths[i] == 0 ? 138 : is_known ? 6 : 7;

		for (run = 1; run < longest && i + run < count; run++)
			if (lengths[i + run] != lengths[i])
				break;
		header_run(header, lengths[i], run, is_known);
		previous = lengths[i];
	}
}

void huffman_dynamic(const struct huffman_counts *counts, struct huffman_lengths *ret_lengths,
		     struct deflate_header *ret_header)
{
	uint32_t symbols[DEFLATE_ORDERS] = { 0 };
	struct deflate_header *header = ret_header;

	memset(header, 0, sizeof *header);
	memset(ret_lengths, 0, sizeof *ret_lengths);
	header->literal_count = (uint16_t)huffman_lengths_make(
		counts->literals, DEFLATE_LITERALS, DEFLATE_BITS_MAX, ret_lengths->literals);
	header->distance_count = (uint16_t)huffman_lengths_make(
		counts->distances, DEFLATE_DISTANCES, DEFLATE_BITS_MAX, ret_lengths->distances);
	header_lengths(header, ret_lengths->literals, header->literal_count);
	header_lengths(header, ret_lengths->distances, header->distance_count);

	for (unsigned i = 0; i < header->symbol_count; i++)
		symbols[header->symbols[i]]++;
	huffman_lengths_make(symbols, DEFLATE_ORDERS, DEFLATE_ORDER_BITS_MAX,
			     header->order_lengths);
	header->order_count = DEFLATE_ORDERS;
	while (header->order_count > 4 &&
	       header->order_lengths[DEFLATE_ORDER[header->order_count - 1]] == 0)
		header->order_count--;
}

/* How many lengths a symbol gives, and which. */
static unsigned symbol_expand(unsigned symbol, unsigned repeat, unsigned previous,
			      uint8_t *ret_length)
{
	*ret_length = 0;
	if (symbol == DEFLATE_ZEROS_SHORT)
		return 3 + repeat;
	if (symbol == DEFLATE_ZEROS_LONG)
		return 11 + repeat;
	*ret_length = (uint8_t)(symbol == DEFLATE_REPEAT ? previous : symbol);
	return symbol == DEFLATE_REPEAT ? 3 + repeat : 1;
}

bool huffman_header_expand(const struct deflate_header *header, struct huffman_lengths *ret_lengths)
{
	uint8_t lengths[DEFLATE_LITERALS + DEFLATE_DISTANCES] = { 0 };
	const unsigned wanted = header->literal_count + (unsigned)header->distance_count;
	unsigned count = 0;

	for (unsigned i = 0; i < header->symbol_count; i++) {
		uint8_t length;
		unsigned run;

		if (header->symbols[i] == DEFLATE_REPEAT && count == 0)
			return false;
		run = symbol_expand(header->symbols[i], header->repeats[i],
				    count > 0 ? lengths[count - 1] : 0, &length);
		if (run > wanted - count)
			return false;
		memset(lengths + count, length, run);
		count += run;
	}
	if (count != wanted)
		return false;
	memset(ret_lengths, 0, sizeof *ret_lengths);
	memcpy(ret_lengths->literals, lengths, header->literal_count);
	memcpy(ret_lengths->distances, lengths + header->literal_count, header->distance_count);
	return true;
}

uint64_t huffman_header_bits(const struct deflate_header *header)
{
	uint64_t bits = 5 + 5 + 4 + 3 * (uint64_t)header->order_count;

	for (unsigned i = 0; i < header->symbol_count; i++)
		bits += header->order_lengths[header->symbols[i]] +
			deflate_symbol_extra(header->symbols[i]);
	return bits;
}

uint64_t huffman_token_bits(const struct huffman_counts *counts,
			    const struct huffman_lengths *lengths)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < DEFLATE_LITERALS; i++)
		bits += (uint64_t)counts->literals[i] *
			(lengths->literals[i] +
			 (i > DEFLATE_END ? deflate_length_extra(i - DEFLATE_END - 1) : 0));
	for (unsigned i = 0; i < DEFLATE_DISTANCES; i++)
		bits += (uint64_t)counts->distances[i] *
			(lengths->distances[i] + deflate_distance_extra(i));
	return bits;
}

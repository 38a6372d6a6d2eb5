/* SPDX-License-Identifier: MIT */
#pragma once
/* Huffman codes of deflate blocks, chosen as gzip and zlib choose them: where several codes are
 * equally short, the same one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate.h"

/* How often each symbol of a block occurs; the end symbol is counted by the caller. */
struct huffman_counts {
	uint32_t literals[DEFLATE_LITERALS];
	uint32_t distances[DEFLATE_DISTANCES];
};

/* Code lengths; 0: no code. */
struct huffman_lengths {
	uint8_t literals[DEFLATE_FIXED_LITERALS];
	uint8_t distances[DEFLATE_DISTANCES];
};

void huffman_token_count(struct huffman_counts *counts, uint32_t token);

/* The shortest code with lengths up to `bits_max`, for 3 to DEFLATE_LITERALS symbols whose
 * counts add up to less than 1 << 31. Returns the number of symbols up to the last with a code. */
unsigned huffman_lengths_make(const uint32_t *counts, unsigned symbol_count, unsigned bits_max,
			      uint8_t *ret_lengths);

/* The canonical code, bits reversed as deflate sends them. Lengths may be any up to
 * DEFLATE_BITS_MAX; of an impossible set, the codes are worthless. */
void huffman_codes_make(const uint8_t *lengths, unsigned symbol_count, uint16_t *ret_codes);

void huffman_fixed(struct huffman_lengths *ret_lengths);

/* Lengths and header of a dynamic block. */
void huffman_dynamic(const struct huffman_counts *counts, struct huffman_lengths *ret_lengths,
		     struct deflate_header *ret_header);

/* The code lengths that a header describes; false: it does not describe any. */
bool huffman_header_expand(const struct deflate_header *header,
			   struct huffman_lengths *ret_lengths);

/* Size of a dynamic block's header without its first three bits, of a block's tokens. */
uint64_t huffman_header_bits(const struct deflate_header *header);
uint64_t huffman_token_bits(const struct huffman_counts *counts,
			    const struct huffman_lengths *lengths);

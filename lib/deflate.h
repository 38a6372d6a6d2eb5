/* SPDX-License-Identifier: MIT */
#pragma once
/* Deflate: what its reader and its writer share: tokens, codes and block headers (RFC 1951). */

#include <stddef.h>
#include <stdint.h>

enum {
	DEFLATE_LENGTH_MIN = 3,
	DEFLATE_LENGTH_MAX = 258,
	DEFLATE_DISTANCE_MAX = 32768,
	DEFLATE_END = 256, /* the symbol that ends a block */
	DEFLATE_LITERALS = 286,
	DEFLATE_DISTANCES = 30,
	DEFLATE_FIXED_LITERALS = 288, /* the fixed code has two more, which are never used */
	DEFLATE_ORDERS = 19,          /* symbols of the code lengths' own code */
	DEFLATE_BITS_MAX = 15,
	DEFLATE_ORDER_BITS_MAX = 7,
	DEFLATE_STORED_MAX = 65535,
};

enum deflate_type { DEFLATE_STORED, DEFLATE_FIXED, DEFLATE_DYNAMIC };

/* Symbols of the code lengths' code, from which on the length repeats. */
enum { DEFLATE_REPEAT = 16, DEFLATE_ZEROS_SHORT = 17, DEFLATE_ZEROS_LONG = 18 };

/* The order in which the lengths of that code are sent. */
static const uint8_t DEFLATE_ORDER[DEFLATE_ORDERS] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
						       11, 4,  12, 3, 13, 2, 14, 1, 15 };

/* A dynamic block's header as it is sent. */
struct deflate_header {
	uint16_t literal_count;  /* 257..286 */
	uint16_t distance_count; /* 1..30 */
	uint16_t order_count;    /* 4..19 */
	uint16_t symbol_count;
	uint8_t order_lengths[DEFLATE_ORDERS]; /* indexed by symbol */
	uint8_t symbols[DEFLATE_LITERALS + DEFLATE_DISTANCES];
	uint8_t repeats[DEFLATE_LITERALS + DEFLATE_DISTANCES]; /* extra bits of symbols[i] */
};

/* A token: a literal's byte, or a distance in the upper and a length in the lower 16 bits. */
static inline uint32_t deflate_match(unsigned length, unsigned distance)
{
	return (uint32_t)distance << 16 | (uint32_t)length;
}

static inline unsigned deflate_distance(uint32_t token)
{
	return token >> 16;
}

/* The match's length; of no use for a literal. */
static inline unsigned deflate_length(uint32_t token)
{
	return token & 0xffff;
}

/* How many bytes of content the token stands for. */
static inline unsigned deflate_size(uint32_t token)
{
	return deflate_distance(token) == 0 ? 1 : deflate_length(token);
}

static inline unsigned deflate_log2(unsigned value)
{
	return 31 - (unsigned)__builtin_clz(value);
}

/* Length codes (0 is symbol 257) come in groups of four per extra bit, but the last: 258. */
static inline unsigned deflate_length_code(unsigned length)
{
	const unsigned value = length - DEFLATE_LENGTH_MIN;
	unsigned extra;

	if (length == DEFLATE_LENGTH_MAX)
		return 28;
	if (value < 8)
		return value;
	extra = deflate_log2(value) - 2;
	return 4 * extra + (value >> extra);
}

static inline unsigned deflate_length_extra(unsigned code)
{
	return code < 8 || code == 28 ? 0 : code / 4 - 1;
}

static inline unsigned deflate_length_base(unsigned code)
{
	if (code == 28)
		return DEFLATE_LENGTH_MAX;
	if (code < 8)
		return code + DEFLATE_LENGTH_MIN;
	return ((4 + code % 4) << (code / 4 - 1)) + DEFLATE_LENGTH_MIN;
}

/* Distance codes come in groups of two per extra bit. */
static inline unsigned deflate_distance_code(unsigned distance)
{
	const unsigned value = distance - 1;
	unsigned extra;

	if (value < 4)
		return value;
	extra = deflate_log2(value) - 1;
	return 2 * extra + (value >> extra);
}

static inline unsigned deflate_distance_extra(unsigned code)
{
	return code < 4 ? 0 : code / 2 - 1;
}

static inline unsigned deflate_distance_base(unsigned code)
{
	return code < 4 ? code + 1 : ((2 + code % 2) << (code / 2 - 1)) + 1;
}

static inline unsigned deflate_symbol_extra(unsigned symbol)
{
	static const uint8_t EXTRA[DEFLATE_ORDERS] = {
		[DEFLATE_REPEAT] = 2, [DEFLATE_ZEROS_SHORT] = 3, [DEFLATE_ZEROS_LONG] = 7
	};

	return EXTRA[symbol];
}

/* SPDX-License-Identifier: MIT */
#include "inflate.h"

#include <string.h>

#include "bytes.h"
#include "huffman.h"

enum { FAST_BITS = 10, FAST_COUNT = 1 << FAST_BITS, SYMBOL_NONE = 0xffff, RAW_ROOM_FIRST = 65536 };

/* Short codes are looked up; longer ones, and those that do not exist, are walked bit by bit. */
struct decoder {
	uint16_t fast[FAST_COUNT]; /* symbol << 4 | length; 0: not here */
	uint16_t counts[DEFLATE_BITS_MAX + 1];
	uint16_t sorted[DEFLATE_FIXED_LITERALS]; /* symbols by code */
};

struct inflate {
	const uint8_t *bytes;
	size_t size_bytes;
	size_t offset; /* may pass the end: zero bits follow, and the token is refused */
	uint64_t bits;
	unsigned bit_count;
	uint8_t *raw;
	size_t raw_size;
	size_t raw_room;
	struct inflate_parts *parts; /* NULL: the room is fixed */
	struct decoder literals;
	struct decoder distances;
};

static const char TRUNCATED[] = "the deflate stream ends early";
static const char TOO_LARGE[] = "the deflate stream has more content than expected";

static void bits_fill(struct inflate *inflate)
{
	while (inflate->bit_count <= 56) {
		if (inflate->offset < inflate->size_bytes)
			inflate->bits |= (uint64_t)inflate->bytes[inflate->offset]
					 << inflate->bit_count;
		inflate->offset++;
		inflate->bit_count += 8;
	}
}

static unsigned bits_take(struct inflate *inflate, unsigned count)
{
	unsigned value;

	if (inflate->bit_count < count)
		bits_fill(inflate);
	value = (unsigned)(inflate->bits & ((1u << count) - 1));
	inflate->bits >>= count;
	inflate->bit_count -= count;
	return value;
}

static bool bits_are_missing(const struct inflate *inflate)
{
	return inflate->offset - inflate->bit_count / 8 > inflate->size_bytes;
}

static size_t bytes_used(const struct inflate *inflate)
{
	return inflate->offset - inflate->bit_count / 8;
}

static bool padding_is_zero(struct inflate *inflate)
{
	return bits_take(inflate, inflate->bit_count % 8) == 0;
}

static void decoder_fill(struct decoder *decoder, const uint8_t *lengths, unsigned symbol_count)
{
	uint16_t codes[DEFLATE_FIXED_LITERALS];

	huffman_codes_make(lengths, symbol_count, codes);
	memset(decoder->fast, 0, sizeof decoder->fast);
	for (unsigned symbol = 0; symbol < symbol_count; symbol++) {
		const unsigned length = lengths[symbol];

		if (length == 0 || length > FAST_BITS)
			continue;
		for (unsigned i = codes[symbol]; i < FAST_COUNT; i += 1u << length)
			decoder->fast[i] = (uint16_t)(symbol << 4 | length);
	}
}

/* false: more codes than there can be. Fewer are fine, as long as the missing ones do not occur. */
static bool decoder_init(struct decoder *decoder, const uint8_t *lengths, unsigned symbol_count)
{
	uint16_t next[DEFLATE_BITS_MAX + 2] = { 0 };
	int left = 1;

	memset(decoder->counts, 0, sizeof decoder->counts);
	for (unsigned symbol = 0; symbol < symbol_count; symbol++)
		decoder->counts[lengths[symbol]]++;
	decoder->counts[0] = 0;
	for (unsigned length = 1; length <= DEFLATE_BITS_MAX; length++) {
		left = 2 * left - decoder->counts[length];
		if (left < 0)
			return false;
		next[length + 1] = (uint16_t)(next[length] + decoder->counts[length]);
	}
	for (unsigned symbol = 0; symbol < symbol_count; symbol++)
		if (lengths[symbol] > 0)
			decoder->sorted[next[lengths[symbol]]++] = (uint16_t)symbol;
	decoder_fill(decoder, lengths, symbol_count);
	return true;
}

static unsigned symbol_walk(struct inflate *inflate, const struct decoder *decoder)
{
	unsigned code = 0;
	unsigned first = 0;
	unsigned index = 0;

	for (unsigned length = 1; length <= DEFLATE_BITS_MAX; length++) {
		const unsigned count = decoder->counts[length];

		code |= bits_take(inflate, 1);
		if (code < first + count)
			return decoder->sorted[index + code - first];
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return SYMBOL_NONE;
}

static unsigned symbol_take(struct inflate *inflate, const struct decoder *decoder)
{
	unsigned entry;

	if (inflate->bit_count < DEFLATE_BITS_MAX)
		bits_fill(inflate);
	entry = decoder->fast[inflate->bits & (FAST_COUNT - 1)];
	if (entry == 0)
		return symbol_walk(inflate, decoder);
	(void)bits_take(inflate, entry & 15); /* the code itself, which is known */
	return entry >> 4;
}

/* Makes room for `count` more bytes of content; false: there may not be so many. */
static bool raw_reserve(struct inflate *inflate, size_t count)
{
	const size_t wanted = inflate->raw_size + count;

	if (wanted <= inflate->raw_room)
		return true;
	if (inflate->parts == NULL || wanted > INFLATE_RAW_SIZE_MAX)
		return false;
	inflate->raw_room = MAX(2 * inflate->raw_room, MAX(wanted, RAW_ROOM_FIRST));
	g_byte_array_set_size(inflate->parts->raw, (guint)inflate->raw_room);
	inflate->raw = inflate->parts->raw->data;
	return true;
}

static void token_keep(struct inflate *inflate, uint32_t token)
{
	if (inflate->parts != NULL && inflate->parts->tokens != NULL)
		g_array_append_val(inflate->parts->tokens, token);
}

static const char *header_read(struct inflate *inflate, struct deflate_header *header)
{
	unsigned count = 0;
	unsigned wanted;

	memset(header, 0, sizeof *header);
	header->literal_count = (uint16_t)(bits_take(inflate, 5) + 257);
	header->distance_count = (uint16_t)(bits_take(inflate, 5) + 1);
	header->order_count = (uint16_t)(bits_take(inflate, 4) + 4);
	if (header->literal_count > DEFLATE_LITERALS || header->distance_count > DEFLATE_DISTANCES)
		return "a deflate block has too many codes";
	for (unsigned i = 0; i < header->order_count; i++)
		header->order_lengths[DEFLATE_ORDER[i]] = (uint8_t)bits_take(inflate, 3);
	if (!decoder_init(&inflate->literals, header->order_lengths, DEFLATE_ORDERS))
		return "a deflate block has impossible codes";

	wanted = header->literal_count + (unsigned)header->distance_count;
	while (count < wanted) {
		const unsigned symbol = symbol_take(inflate, &inflate->literals);
		unsigned repeat;

		if (symbol == SYMBOL_NONE)
			return "a deflate block has an unknown code in its header";
		repeat = bits_take(inflate, deflate_symbol_extra(symbol));
		header->symbols[header->symbol_count] = (uint8_t)symbol;
		header->repeats[header->symbol_count++] = (uint8_t)repeat;
		count += symbol < DEFLATE_REPEAT        ? 1
			 : symbol == DEFLATE_ZEROS_LONG ? 11 + repeat
							: 3 + repeat;
	}
	return NULL;
}

static const char *codes_read(struct inflate *inflate, struct inflate_block *block)
{
	struct huffman_lengths lengths;
	const char *why;

	if (block->type == DEFLATE_FIXED) {
		huffman_fixed(&lengths);
	} else {
		why = header_read(inflate, &block->header);
		if (why != NULL)
			return why;
		if (!huffman_header_expand(&block->header, &lengths))
			return "a deflate block has a bad header";
	}
	if (!decoder_init(&inflate->literals, lengths.literals, DEFLATE_FIXED_LITERALS) ||
	    !decoder_init(&inflate->distances, lengths.distances, DEFLATE_DISTANCES))
		return "a deflate block has impossible codes";
	return NULL;
}

/* Byte by byte, as the match may reach into what it makes. */
static void match_copy(uint8_t *to, unsigned distance, unsigned length)
{
	for (unsigned i = 0; i < length; i++)
		to[i] = *(to + i - distance);
}

static const char *match_read(struct inflate *inflate, unsigned code)
{
	unsigned length;
	unsigned distance;

	if (code >= DEFLATE_LITERALS - DEFLATE_END - 1)
		return "a deflate stream has an unknown length code";
	length = deflate_length_base(code) + bits_take(inflate, deflate_length_extra(code));
	code = symbol_take(inflate, &inflate->distances);
	if (code == SYMBOL_NONE)
		return "a deflate stream has an unknown distance code";
	distance = deflate_distance_base(code) + bits_take(inflate, deflate_distance_extra(code));
	if (distance > inflate->raw_size)
		return "a deflate stream refers to before its start";
	if (!raw_reserve(inflate, length))
		return TOO_LARGE;
	match_copy(inflate->raw + inflate->raw_size, distance, length);
	inflate->raw_size += length;
	token_keep(inflate, deflate_match(length, distance));
	return NULL;
}

static const char *tokens_read(struct inflate *inflate)
{
	for (;;) {
		const unsigned symbol = symbol_take(inflate, &inflate->literals);
		const char *why;

		if (bits_are_missing(inflate))
			return TRUNCATED;
		if (symbol == SYMBOL_NONE)
			return "a deflate stream has an unknown code";
		if (symbol == DEFLATE_END)
			return NULL;
		if (symbol > DEFLATE_END) {
			why = match_read(inflate, symbol - DEFLATE_END - 1);
			if (why != NULL)
				return why;
			continue;
		}
		if (!raw_reserve(inflate, 1))
			return TOO_LARGE;
		inflate->raw[inflate->raw_size++] = (uint8_t)symbol;
		token_keep(inflate, symbol);
	}
}

static const char *stored_read(struct inflate *inflate)
{
	unsigned size_bytes;

	if (!padding_is_zero(inflate))
		return "a deflate stream has bits in its padding";
	size_bytes = bits_take(inflate, 16);
	if (bits_take(inflate, 16) != (size_bytes ^ 0xffff))
		return "a stored deflate block has a bad size";
	inflate->offset = bytes_used(inflate);
	inflate->bits = 0;
	inflate->bit_count = 0;
	if (!bytes_range_is_inside(inflate->offset, size_bytes, inflate->size_bytes))
		return TRUNCATED;
	if (!raw_reserve(inflate, size_bytes))
		return TOO_LARGE;
	if (size_bytes > 0)
		memcpy(inflate->raw + inflate->raw_size, inflate->bytes + inflate->offset,
		       size_bytes);
	inflate->raw_size += size_bytes;
	inflate->offset += size_bytes;
	return NULL;
}

static const char *block_read(struct inflate *inflate, struct inflate_block *block)
{
	const unsigned type = bits_take(inflate, 3);
	const char *why;

	block->is_final = type & 1;
	if (type >> 1 > DEFLATE_DYNAMIC)
		return "a deflate block is of an unknown type";
	block->type = (enum deflate_type)(type >> 1);
	if (block->type == DEFLATE_STORED)
		return stored_read(inflate);
	why = codes_read(inflate, block);
	return why != NULL ? why : tokens_read(inflate);
}

static const char *blocks_read(struct inflate *inflate)
{
	GArray *tokens = inflate->parts != NULL ? inflate->parts->tokens : NULL;
	struct inflate_block block;
	unsigned block_count = 0;

	do {
		const size_t raw_before = inflate->raw_size;
		const char *why;

		if (block_count++ == INFLATE_BLOCKS_MAX)
			return "a deflate stream has too many blocks";
		memset(&block, 0, sizeof block);
		block.first_token = tokens != NULL ? tokens->len : 0;
		why = block_read(inflate, &block);
		if (why == NULL && bits_are_missing(inflate))
			why = TRUNCATED;
		if (why != NULL)
			return why;
		block.size_bytes = inflate->raw_size - raw_before;
		if (tokens == NULL)
			continue;
		block.token_count = tokens->len - block.first_token;
		g_array_append_val(inflate->parts->blocks, block);
	} while (!block.is_final);
	return padding_is_zero(inflate) ? NULL : "a deflate stream has bits in its padding";
}

const char *inflate_parse(const uint8_t *bytes, size_t size_bytes, struct inflate_parts *parts,
			  size_t *ret_used)
{
	g_autofree struct inflate *inflate = g_new0(struct inflate, 1);
	const char *why;

	inflate->bytes = bytes;
	inflate->size_bytes = size_bytes;
	inflate->parts = parts;
	why = blocks_read(inflate);
	g_byte_array_set_size(parts->raw, why == NULL ? (guint)inflate->raw_size : 0);
	if (why == NULL)
		*ret_used = bytes_used(inflate);
	return why;
}

const char *inflate_expand(const uint8_t *bytes, size_t size_bytes, uint8_t *ret_raw,
			   size_t raw_size)
{
	g_autofree struct inflate *inflate = g_new0(struct inflate, 1);
	const char *why;

	inflate->bytes = bytes;
	inflate->size_bytes = size_bytes;
	inflate->raw = ret_raw;
	inflate->raw_room = raw_size;
	why = blocks_read(inflate);
	if (why != NULL)
		return why;
	return inflate->raw_size == raw_size ? NULL
					     : "the deflate stream has less content than expected";
}

/* SPDX-License-Identifier: MIT */
#include "recode_gzip.h"

#include <string.h>

#include "bytes.h"
#include "inflate.h"
#include "recode_gzip_private.h"

/* The optional fields of a member's header (RFC 1952, 2.3.1). */
enum {
	HEADER_CRC = 2,
	HEADER_EXTRA = 4,
	HEADER_NAME = 8,
	HEADER_COMMENT = 16,
	HEADER_RESERVED = 224,
	FLAGS_OFFSET = 3,
	XFL_OFFSET = 8,
};

enum { PRICE_DIVISOR = 3 }; /* corrections larger than that part of the stream are too dear */

struct split {
	const uint8_t *header;
	size_t header_size;
	const struct inflate_parts *parts;
	unsigned profile_index;
	struct lazymatch_profile profile;
	struct lazymatch *model;
	GByteArray *blocks;
	GByteArray *tokens;
	uint64_t blocks_since; /* foretold rightly since the last record */
	uint64_t tokens_since;
	size_t size_max; /* of the corrections */
};

/* How the model sees a block, compared with what it is. */
struct foretold {
	struct recode_gzip_block block;
	struct recode_gzip_plan plan;
	gboolean is_end_right;
	gboolean is_final;
};

static void number_put(GByteArray *bytes, uint64_t value)
{
	uint8_t byte;

	for (; value >= 0x80; value >>= 7) {
		byte = (uint8_t)(value | 0x80);
		g_byte_array_append(bytes, &byte, 1);
	}
	byte = (uint8_t)value;
	g_byte_array_append(bytes, &byte, 1);
}

/* Size of a zero-terminated field, with its end; 0: it has none. */
static size_t text_size(const uint8_t *bytes, size_t size_bytes)
{
	const uint8_t *end = size_bytes > 0 ? memchr(bytes, 0, size_bytes) : NULL;

	return end == NULL ? 0 : (size_t)(end - bytes) + 1;
}

/* Size of a member's header; 0: there is none. */
static size_t header_measure(const uint8_t *bytes, size_t size_bytes)
{
	size_t size = RECODE_GZIP_HEADER_SIZE;
	unsigned flags;

	if (size_bytes < size || bytes[0] != 0x1f || bytes[1] != 0x8b || bytes[2] != 8)
		return 0;
	flags = bytes[FLAGS_OFFSET];
	if ((flags & HEADER_RESERVED) != 0)
		return 0;
	if ((flags & HEADER_EXTRA) != 0) {
		if (size_bytes - size < 2)
			return 0;
		size += 2u + bytes_load_u16(bytes + size);
	}
	for (unsigned field = HEADER_NAME; field <= HEADER_COMMENT; field <<= 1) {
		size_t text;

		if ((flags & field) == 0)
			continue;
		text = size <= size_bytes ? text_size(bytes + size, size_bytes - size) : 0;
		if (text == 0)
			return 0;
		size += text;
	}
	if ((flags & HEADER_CRC) != 0)
		size += 2;
	return size <= size_bytes ? size : 0;
}

/* Reads one member at the bytes' start. */
static const char *member_parse(const uint8_t *bytes, size_t size_bytes,
				struct inflate_parts *parts, size_t *ret_used)
{
	const size_t header_size = header_measure(bytes, size_bytes);
	size_t used = 0;
	const char *why;

	if (header_size == 0)
		return "there is no gzip header";
	why = inflate_parse(bytes + header_size, size_bytes - header_size, parts, &used);
	if (why != NULL)
		return why;
	used += header_size;
	if (!bytes_range_is_inside(used, RECODE_GZIP_TRAILER_SIZE, size_bytes))
		return "the gzip member ends early";
	if (bytes_load_u32(bytes + used) != recode_gzip_crc(parts->raw->data, parts->raw->len) ||
	    bytes_load_u32(bytes + used + 4) != parts->raw->len)
		return "the gzip member has a wrong checksum";
	*ret_used = used + RECODE_GZIP_TRAILER_SIZE;
	return NULL;
}

const char *recode_gzip_unpack(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw,
			       size_t *ret_used)
{
	struct inflate_parts parts = { .raw = ret_raw };

	g_byte_array_set_size(ret_raw, 0);
	return member_parse(bytes, size_bytes, &parts, ret_used);
}

const char *recode_gzip_expand(const uint8_t *bytes, size_t size_bytes, uint8_t *ret_raw,
			       size_t raw_size)
{
	const size_t header_size = header_measure(bytes, size_bytes);

	if (header_size == 0)
		return "there is no gzip header";
	return inflate_expand(bytes + header_size, size_bytes - header_size, ret_raw, raw_size);
}

static void token_split(struct split *split, uint32_t token)
{
	if (lazymatch_next(split->model) == token) {
		split->tokens_since++;
		return;
	}
	number_put(split->tokens, split->tokens_since);
	split->tokens_since = 0;
	if (deflate_distance(token) == 0) {
		number_put(split->tokens, 0);
		return;
	}
	number_put(split->tokens, deflate_length(token) - DEFLATE_LENGTH_MIN + 1);
	number_put(split->tokens, deflate_distance(token));
}

/* Walks the model over a block's tokens. FALSE: the corrections are too many. */
static gboolean tokens_split(struct split *split, const struct inflate_block *real,
			     struct foretold *foretold)
{
	const size_t raw_size = split->parts->raw->len;
	struct recode_gzip_block *block = &foretold->block;
	gboolean is_passed = FALSE;

	recode_gzip_block_init(block, lazymatch_position(split->model));
	for (size_t i = 0; i < real->token_count; i++) {
		const uint32_t token = g_array_index(split->parts->tokens, uint32_t,
						     (guint)(real->first_token + i));

		is_passed |= block->is_full;
		token_split(split, token);
		recode_gzip_block_add(block, &split->profile, split->model, token, raw_size);
		if (split->tokens->len > split->size_max)
			return FALSE;
	}
	foretold->is_end_right = !is_passed &&
				 (block->is_full || lazymatch_position(split->model) == raw_size);
	return TRUE;
}

static void plan_make(struct split *split, struct foretold *foretold)
{
	struct recode_gzip_block *block = &foretold->block;
	const size_t end = lazymatch_position(split->model);

	foretold->is_final = !block->is_full && end == split->parts->raw->len;
	recode_gzip_block_plan(block, end - block->start,
			       block->start >= lazymatch_window(split->model), &foretold->plan);
}

/* Whether the model, left alone, stores a block of just that size. Only then it goes on. */
static gboolean stored_is_foretold(struct split *split, const struct inflate_block *real,
				   struct foretold *foretold)
{
	g_autoptr(Lazymatch) before = lazymatch_copy(split->model);
	const size_t raw_size = split->parts->raw->len;
	struct recode_gzip_block *block = &foretold->block;
	const size_t end = lazymatch_position(split->model) + real->size_bytes;

	recode_gzip_block_init(block, lazymatch_position(split->model));
	while (!block->is_full && lazymatch_position(split->model) < end)
		recode_gzip_block_add(block, &split->profile, split->model,
				      lazymatch_next(split->model), raw_size);
	if (lazymatch_position(split->model) == end && (block->is_full || end == raw_size)) {
		plan_make(split, foretold);
		if (foretold->plan.type == DEFLATE_STORED) {
			split->tokens_since += block->token_count;
			return TRUE;
		}
	}
	lazymatch_free(split->model);
	split->model = g_steal_pointer(&before);
	return FALSE;
}

static gboolean headers_are_equal(const struct deflate_header *a, const struct deflate_header *b)
{
	return a->literal_count == b->literal_count && a->distance_count == b->distance_count &&
	       a->order_count == b->order_count && a->symbol_count == b->symbol_count &&
	       memcmp(a->order_lengths, b->order_lengths, sizeof a->order_lengths) == 0 &&
	       memcmp(a->symbols, b->symbols, a->symbol_count) == 0 &&
	       memcmp(a->repeats, b->repeats, a->symbol_count) == 0;
}

static void header_put(GByteArray *bytes, const struct deflate_header *header)
{
	static const uint8_t FIRST[DEFLATE_ORDERS] = {
		[DEFLATE_REPEAT] = RECODE_GZIP_SYMBOL_REPEAT,
		[DEFLATE_ZEROS_SHORT] = RECODE_GZIP_SYMBOL_ZEROS_SHORT,
		[DEFLATE_ZEROS_LONG] = RECODE_GZIP_SYMBOL_ZEROS_LONG,
	};

	number_put(bytes, header->literal_count - 257u);
	number_put(bytes, header->distance_count - 1u);
	number_put(bytes, header->order_count - 4u);
	for (unsigned i = 0; i < header->order_count; i++)
		number_put(bytes, header->order_lengths[DEFLATE_ORDER[i]]);
	for (unsigned i = 0; i < header->symbol_count; i++) {
		const unsigned symbol = header->symbols[i];

		number_put(bytes, symbol < DEFLATE_REPEAT
					  ? symbol
					  : (unsigned)FIRST[symbol] + header->repeats[i]);
	}
}

static void record_put(struct split *split, unsigned flags, size_t count,
		       const struct deflate_header *header)
{
	if (flags == 0) {
		split->blocks_since++;
		return;
	}
	number_put(split->blocks, split->blocks_since);
	split->blocks_since = 0;
	number_put(split->blocks, flags);
	if ((flags & RECODE_GZIP_HAS_COUNT) != 0)
		number_put(split->blocks, count);
	if ((flags & RECODE_GZIP_HAS_HEADER) != 0)
		header_put(split->blocks, header);
}

static gboolean stored_split(struct split *split, const struct inflate_block *real)
{
	struct foretold foretold;
	unsigned flags = 0;

	if (!stored_is_foretold(split, real, &foretold)) {
		lazymatch_skip(split->model, real->size_bytes);
		foretold.is_final = lazymatch_position(split->model) == split->parts->raw->len;
		flags = RECODE_GZIP_HAS_TYPE | RECODE_GZIP_HAS_COUNT |
			DEFLATE_STORED << RECODE_GZIP_TYPE_SHIFT;
	}
	if (foretold.is_final != real->is_final)
		flags |= RECODE_GZIP_OTHER_END;
	record_put(split, flags, real->size_bytes, NULL);
	return TRUE;
}

static gboolean block_split(struct split *split, const struct inflate_block *real)
{
	struct foretold foretold;
	unsigned flags = 0;

	if (real->type == DEFLATE_STORED)
		return stored_split(split, real);
	if (real->token_count > RECODE_GZIP_TOKENS_MAX || !tokens_split(split, real, &foretold))
		return FALSE;
	plan_make(split, &foretold);
	if (!foretold.is_end_right)
		flags |= RECODE_GZIP_HAS_COUNT;
	if (foretold.plan.type != real->type)
		flags |= RECODE_GZIP_HAS_TYPE | (unsigned)real->type << RECODE_GZIP_TYPE_SHIFT;
	if (real->type == DEFLATE_DYNAMIC &&
	    !headers_are_equal(&foretold.plan.header, &real->header))
		flags |= RECODE_GZIP_HAS_HEADER;
	if (foretold.is_final != real->is_final)
		flags |= RECODE_GZIP_OTHER_END;
	record_put(split, flags, real->token_count, &real->header);
	return split->blocks->len + split->tokens->len <= split->size_max;
}

static void corrections_put(const struct split *split, GByteArray *ret_corrections)
{
	uint8_t usual[RECODE_GZIP_HEADER_SIZE];
	const uint8_t profile = (uint8_t)split->profile_index;

	recode_gzip_header(&split->profile, usual);
	g_byte_array_set_size(ret_corrections, 0);
	g_byte_array_append(ret_corrections, &profile, 1);
	if (split->header_size == sizeof usual && memcmp(split->header, usual, sizeof usual) == 0) {
		number_put(ret_corrections, 0);
	} else {
		number_put(ret_corrections, split->header_size);
		g_byte_array_append(ret_corrections, split->header, (guint)split->header_size);
	}
	number_put(ret_corrections, split->blocks->len);
	g_byte_array_append(ret_corrections, split->blocks->data, split->blocks->len);
	g_byte_array_append(ret_corrections, split->tokens->data, split->tokens->len);
}

/* Tries one profile; `corrections` are replaced if it needs less than `size_max`. */
static void profile_try(struct split *split, GByteArray *corrections)
{
	g_autoptr(GByteArray) blocks = g_byte_array_new();
	g_autoptr(GByteArray) tokens = g_byte_array_new();
	const GByteArray *raw = split->parts->raw;
	gboolean is_fine = TRUE;

	split->profile = lazymatch_profile(split->profile_index);
	split->blocks = blocks;
	split->tokens = tokens;
	split->blocks_since = split->tokens_since = 0;
	split->model = lazymatch_new(&split->profile, raw->data, raw->len);
	for (guint i = 0; is_fine && i < split->parts->blocks->len; i++)
		is_fine = block_split(
			split, &g_array_index(split->parts->blocks, struct inflate_block, i));
	lazymatch_free(split->model);
	if (is_fine && blocks->len + tokens->len < split->size_max) {
		split->size_max = blocks->len + tokens->len;
		corrections_put(split, corrections);
	}
}

/* Tries the profiles, the likeliest first, as the header tells the level. */
static gboolean profiles_try(struct split *split, GByteArray *corrections)
{
	enum { LEVELS = 9 };
	enum { GROUP = LAZYMATCH_PROFILE_COUNT / LEVELS };
	static const uint8_t ORDER[][LEVELS] = {
		{ 9, 6, 8, 7, 5, 4, 3, 2, 1 },
		{ 6, 8, 7, 5, 4, 3, 2, 1, 9 },
		{ 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	};
	const uint8_t xfl = split->header[XFL_OFFSET];
	const uint8_t *order = ORDER[xfl == 2 ? 0 : xfl == 4 ? 2 : 1];

	g_byte_array_set_size(corrections, 0);
	for (unsigned i = 0; i < LAZYMATCH_PROFILE_COUNT; i++) {
		const unsigned level = order[i / GROUP];

		split->profile_index = i % GROUP * LEVELS + level - 1;
		profile_try(split, corrections);
		if (corrections->len > 0 && split->size_max == 0)
			break;
	}
	return corrections->len > 0;
}

static gboolean joins_to(const GByteArray *raw, const GByteArray *corrections, const uint8_t *bytes,
			 size_t size_bytes)
{
	const struct recode_raw source = { raw->data, raw->len, corrections->data,
					   corrections->len };
	g_autofree uint8_t *joined = g_malloc(size_bytes);
	g_autoptr(Lazymatch) spare = NULL;

	return recode_gzip_join(&source, &spare, joined, size_bytes) == NULL &&
	       memcmp(joined, bytes, size_bytes) == 0;
}

gboolean recode_gzip_split(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw,
			   GByteArray *ret_corrections)
{
	g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct inflate_block));
	struct inflate_parts parts = { ret_raw, tokens, blocks };
	struct split split = {
		.header = bytes,
		.header_size = header_measure(bytes, size_bytes),
		.parts = &parts,
		.size_max = size_bytes / PRICE_DIVISOR,
	};
	size_t used;

	g_byte_array_set_size(ret_raw, 0);
	if (member_parse(bytes, size_bytes, &parts, &used) != NULL || used != size_bytes)
		return FALSE;
	return profiles_try(&split, ret_corrections) &&
	       joins_to(ret_raw, ret_corrections, bytes, size_bytes);
}

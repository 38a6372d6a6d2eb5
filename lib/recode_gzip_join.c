/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bytes.h"
#include "recode_gzip_private.h"

/* Numbers in the corrections; behind their end, and after any damage, all are 0. */
struct reader {
	const uint8_t *bytes;
	size_t size_bytes;
	size_t offset;
	gboolean is_damaged;
};

struct writer {
	uint8_t *bytes;
	size_t size_bytes;
	size_t offset; /* may pass the end; nothing is written there */
	uint64_t bits;
	unsigned bit_count;
};

struct record {
	unsigned flags;
	enum deflate_type type;
	size_t count;
	struct deflate_header header;
};

struct join {
	const struct recode_raw *raw;
	struct lazymatch_profile profile;
	struct lazymatch *model;
	GArray *tokens;
	struct reader blocks;
	struct reader corrections;
	uint64_t blocks_until; /* how many follow before the next record */
	uint64_t tokens_until;
	struct writer writer;
};

static const char DAMAGED[] = "the corrections of a gzip member are damaged";

static uint64_t number_read(struct reader *reader)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t byte;

		if (reader->offset == reader->size_bytes)
			break;
		byte = reader->bytes[reader->offset++];
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	reader->is_damaged = TRUE;
	return 0;
}

/* How many items come before the next record; UINT64_MAX: there is no further record. */
static uint64_t gap_read(struct reader *reader)
{
	return reader->offset == reader->size_bytes ? UINT64_MAX : number_read(reader);
}

static void bits_put(struct writer *writer, unsigned value, unsigned count)
{
	writer->bits |= (uint64_t)value << writer->bit_count;
	writer->bit_count += count;
	for (; writer->bit_count >= 8; writer->bit_count -= 8) {
		if (writer->offset < writer->size_bytes)
			writer->bytes[writer->offset] = (uint8_t)writer->bits;
		writer->offset++;
		writer->bits >>= 8;
	}
}

static void bits_pad(struct writer *writer)
{
	bits_put(writer, 0, (8 - writer->bit_count) % 8);
}

static void bytes_put(struct writer *writer, const uint8_t *bytes, size_t size_bytes)
{
	if (size_bytes > 0 && bytes_range_is_inside(writer->offset, size_bytes, writer->size_bytes))
		memcpy(writer->bytes + writer->offset, bytes, size_bytes);
	writer->offset += size_bytes;
}

static unsigned symbol_read(struct reader *reader, struct deflate_header *header)
{
	const unsigned value = (unsigned)number_read(reader);
	const unsigned symbol = value < RECODE_GZIP_SYMBOL_REPEAT        ? value
				: value < RECODE_GZIP_SYMBOL_ZEROS_SHORT ? DEFLATE_REPEAT
				: value < RECODE_GZIP_SYMBOL_ZEROS_LONG  ? DEFLATE_ZEROS_SHORT
									 : DEFLATE_ZEROS_LONG;
	static const uint8_t FIRST[DEFLATE_ORDERS] = {
		[DEFLATE_REPEAT] = RECODE_GZIP_SYMBOL_REPEAT,
		[DEFLATE_ZEROS_SHORT] = RECODE_GZIP_SYMBOL_ZEROS_SHORT,
		[DEFLATE_ZEROS_LONG] = RECODE_GZIP_SYMBOL_ZEROS_LONG,
	};
	const unsigned repeat = symbol < DEFLATE_REPEAT ? 0 : value - FIRST[symbol];

	reader->is_damaged |= value >= RECODE_GZIP_SYMBOLS;
	header->symbols[header->symbol_count] = (uint8_t)symbol;
	header->repeats[header->symbol_count++] = (uint8_t)repeat;
	return symbol < DEFLATE_REPEAT        ? 1
	       : symbol == DEFLATE_ZEROS_LONG ? 11 + repeat
					      : 3 + repeat;
}

static void header_read(struct reader *reader, struct deflate_header *header)
{
	const uint64_t literals = number_read(reader);
	const uint64_t distances = number_read(reader);
	const uint64_t orders = number_read(reader);
	unsigned wanted;

	memset(header, 0, sizeof *header);
	if (literals > DEFLATE_LITERALS - 257 || distances > DEFLATE_DISTANCES - 1 ||
	    orders > DEFLATE_ORDERS - 4) {
		reader->is_damaged = TRUE;
		return;
	}
	header->literal_count = (uint16_t)(literals + 257);
	header->distance_count = (uint16_t)(distances + 1);
	header->order_count = (uint16_t)(orders + 4);
	for (unsigned i = 0; i < header->order_count; i++)
		header->order_lengths[DEFLATE_ORDER[i]] = number_read(reader) & 7;
	wanted = header->literal_count + (unsigned)header->distance_count;
	for (unsigned count = 0; count < wanted;)
		count += symbol_read(reader, header);
}

/* What is to be known of the next block. */
static struct record record_read(struct join *join)
{
	struct record record = { 0 };

	if (join->blocks_until-- > 0)
		return record;
	record.flags = (unsigned)number_read(&join->blocks);
	record.type = (enum deflate_type)(record.flags >> RECODE_GZIP_TYPE_SHIFT & 3);
	if (record.flags > RECODE_GZIP_FLAGS_MAX || record.type > DEFLATE_DYNAMIC)
		join->blocks.is_damaged = TRUE;
	if ((record.flags & RECODE_GZIP_HAS_COUNT) != 0)
		record.count = (size_t)number_read(&join->blocks);
	if ((record.flags & RECODE_GZIP_HAS_HEADER) != 0)
		header_read(&join->blocks, &record.header);
	join->blocks_until = gap_read(&join->blocks);
	return record;
}

static uint32_t token_read(struct join *join)
{
	const uint32_t foretold = lazymatch_next(join->model);
	const size_t position = lazymatch_position(join->model);
	uint64_t length;
	uint64_t distance;

	if (join->tokens_until-- > 0)
		return foretold;
	length = number_read(&join->corrections);
	distance = length > 0 ? number_read(&join->corrections) : 0;
	join->tokens_until = gap_read(&join->corrections);
	if (length == 0)
		return join->raw->bytes[position];
	length += DEFLATE_LENGTH_MIN - 1;
	if (length > MIN(DEFLATE_LENGTH_MAX, join->raw->size_bytes - position) || distance == 0 ||
	    distance > DEFLATE_DISTANCE_MAX) {
		join->corrections.is_damaged = TRUE;
		return join->raw->bytes[position];
	}
	return deflate_match((unsigned)length, (unsigned)distance);
}

/* Makes the tokens of one block; NULL, or why it cannot. */
static const char *tokens_make(struct join *join, const struct record *record,
			       struct recode_gzip_block *block)
{
	const gboolean has_count = (record->flags & RECODE_GZIP_HAS_COUNT) != 0;
	const size_t raw_size = join->raw->size_bytes;

	if (record->count > RECODE_GZIP_TOKENS_MAX)
		return DAMAGED;
	g_array_set_size(join->tokens, 0);
	recode_gzip_block_init(block, lazymatch_position(join->model));
	while (has_count ? block->token_count < record->count : !block->is_full) {
		uint32_t token;

		if (lazymatch_position(join->model) == raw_size)
			return has_count ? DAMAGED : NULL;
		token = token_read(join);
		g_array_append_val(join->tokens, token);
		recode_gzip_block_add(block, &join->profile, join->model, token, raw_size);
	}
	return NULL;
}

static gboolean header_put(struct writer *writer, const struct deflate_header *header)
{
	uint16_t codes[DEFLATE_ORDERS];

	huffman_codes_make(header->order_lengths, DEFLATE_ORDERS, codes);
	bits_put(writer, header->literal_count - 257u, 5);
	bits_put(writer, header->distance_count - 1u, 5);
	bits_put(writer, header->order_count - 4u, 4);
	for (unsigned i = 0; i < header->order_count; i++)
		bits_put(writer, header->order_lengths[DEFLATE_ORDER[i]], 3);
	for (unsigned i = 0; i < header->symbol_count; i++) {
		const unsigned symbol = header->symbols[i];

		if (header->order_lengths[symbol] == 0)
			return FALSE;
		bits_put(writer, codes[symbol], header->order_lengths[symbol]);
		bits_put(writer, header->repeats[i], deflate_symbol_extra(symbol));
	}
	return TRUE;
}

/* The content's codes, ready to be sent. */
struct codes {
	struct huffman_lengths lengths;
	uint16_t literals[DEFLATE_FIXED_LITERALS];
	uint16_t distances[DEFLATE_DISTANCES];
};

static void token_put(struct writer *writer, const struct codes *codes, uint32_t token)
{
	const unsigned distance = deflate_distance(token);
	const unsigned length = deflate_length(token);
	unsigned code;

	if (distance == 0) {
		bits_put(writer, codes->literals[token], codes->lengths.literals[token]);
		return;
	}
	code = deflate_length_code(length);
	bits_put(writer, codes->literals[DEFLATE_END + 1 + code],
		 codes->lengths.literals[DEFLATE_END + 1 + code]);
	bits_put(writer, length - deflate_length_base(code), deflate_length_extra(code));
	code = deflate_distance_code(distance);
	bits_put(writer, codes->distances[code], codes->lengths.distances[code]);
	bits_put(writer, distance - deflate_distance_base(code), deflate_distance_extra(code));
}

static const char *tokens_put(struct join *join, const struct recode_gzip_plan *plan)
{
	struct codes codes;

	if (plan->type == DEFLATE_FIXED)
		huffman_fixed(&codes.lengths);
	else if (!huffman_header_expand(&plan->header, &codes.lengths) ||
		 !header_put(&join->writer, &plan->header))
		return DAMAGED;
	huffman_codes_make(codes.lengths.literals, DEFLATE_FIXED_LITERALS, codes.literals);
	huffman_codes_make(codes.lengths.distances, DEFLATE_DISTANCES, codes.distances);
	for (guint i = 0; i < join->tokens->len; i++)
		token_put(&join->writer, &codes, g_array_index(join->tokens, uint32_t, i));
	bits_put(&join->writer, codes.literals[DEFLATE_END], codes.lengths.literals[DEFLATE_END]);
	return NULL;
}

static const char *stored_put(struct join *join, size_t start, size_t size_bytes)
{
	if (size_bytes > DEFLATE_STORED_MAX)
		return DAMAGED;
	bits_pad(&join->writer);
	bits_put(&join->writer, (unsigned)size_bytes, 16);
	bits_put(&join->writer, (unsigned)size_bytes ^ 0xffff, 16);
	bytes_put(&join->writer, join->raw->bytes + start, size_bytes);
	return NULL;
}

/* A stored block that was not foretold. */
static const char *stored_join(struct join *join, const struct record *record,
			       gboolean *ret_is_final)
{
	const size_t start = lazymatch_position(join->model);

	if (record->count > join->raw->size_bytes - start)
		return DAMAGED;
	*ret_is_final = (start + record->count == join->raw->size_bytes) ^
			((record->flags & RECODE_GZIP_OTHER_END) != 0);
	bits_put(&join->writer, *ret_is_final ? 1 : 0, 3);
	lazymatch_skip(join->model, record->count);
	return stored_put(join, start, record->count);
}

static const char *block_join(struct join *join, const struct record *record,
			      gboolean *ret_is_final)
{
	struct recode_gzip_block block;
	struct recode_gzip_plan plan;
	const char *why = tokens_make(join, record, &block);
	const size_t end = lazymatch_position(join->model);

	if (why != NULL)
		return why;
	recode_gzip_block_plan(&block, end - block.start,
			       block.start >= lazymatch_window(join->model), &plan);
	if ((record->flags & RECODE_GZIP_HAS_TYPE) != 0)
		plan.type = record->type;
	if ((record->flags & RECODE_GZIP_HAS_HEADER) != 0)
		plan.header = record->header;
	*ret_is_final = (!block.is_full && end == join->raw->size_bytes) ^
			((record->flags & RECODE_GZIP_OTHER_END) != 0);
	bits_put(&join->writer, (*ret_is_final ? 1 : 0) | (unsigned)plan.type << 1, 3);
	if (plan.type == DEFLATE_STORED)
		return stored_put(join, block.start, end - block.start);
	return tokens_put(join, &plan);
}

static const char *blocks_join(struct join *join)
{
	gboolean is_final = FALSE;

	for (unsigned i = 0; !is_final; i++) {
		const struct record record = record_read(join);
		const gboolean is_stored = (record.flags & RECODE_GZIP_HAS_TYPE) != 0 &&
					   record.type == DEFLATE_STORED;
		const char *why = is_stored ? stored_join(join, &record, &is_final)
					    : block_join(join, &record, &is_final);

		if (why != NULL)
			return why;
		if (i == RECODE_GZIP_BLOCKS_MAX || join->blocks.is_damaged ||
		    join->corrections.is_damaged || join->writer.offset > join->writer.size_bytes)
			return DAMAGED;
	}
	return lazymatch_position(join->model) == join->raw->size_bytes ? NULL : DAMAGED;
}

/* The member's header goes out; what is left of the corrections is set up. */
static const char *join_open(struct join *join)
{
	struct reader reader = { join->raw->corrections, join->raw->corrections_size, 0, FALSE };
	const uint64_t profile = number_read(&reader);
	const uint64_t header_size = number_read(&reader);
	uint8_t header[RECODE_GZIP_HEADER_SIZE];
	uint64_t blocks_size;

	if (reader.is_damaged || profile >= LAZYMATCH_PROFILE_COUNT ||
	    !bytes_range_is_inside(reader.offset, header_size, reader.size_bytes))
		return DAMAGED;
	join->profile = lazymatch_profile((unsigned)profile);
	recode_gzip_header(&join->profile, header);
	if (header_size == 0)
		bytes_put(&join->writer, header, sizeof header);
	else
		bytes_put(&join->writer, reader.bytes + reader.offset, header_size);
	reader.offset += header_size;

	blocks_size = number_read(&reader);
	if (reader.is_damaged ||
	    !bytes_range_is_inside(reader.offset, blocks_size, reader.size_bytes))
		return DAMAGED;
	join->blocks = (struct reader){ reader.bytes + reader.offset, blocks_size, 0, FALSE };
	join->corrections = reader;
	join->corrections.offset += blocks_size;
	join->blocks_until = gap_read(&join->blocks);
	join->tokens_until = gap_read(&join->corrections);
	return NULL;
}

const char *recode_gzip_join(const struct recode_raw *raw, struct lazymatch **spare,
			     uint8_t *ret_bytes, size_t size_bytes)
{
	g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct join join = {
		.raw = raw,
		.tokens = tokens,
		.writer = { .bytes = ret_bytes, .size_bytes = size_bytes },
	};
	uint8_t trailer[RECODE_GZIP_TRAILER_SIZE];
	const char *why = join_open(&join);

	if (why != NULL)
		return why;
	*spare = lazymatch_renew(*spare, &join.profile, raw->bytes, raw->size_bytes);
	join.model = *spare;
	why = blocks_join(&join);
	if (why != NULL)
		return why;
	bits_pad(&join.writer);
	bytes_store_u32(trailer, recode_gzip_crc(raw->bytes, raw->size_bytes));
	bytes_store_u32(trailer + 4, (uint32_t)raw->size_bytes);
	bytes_put(&join.writer, trailer, sizeof trailer);
	return join.writer.offset == size_bytes ? NULL
						: "a gzip member has another size than expected";
}

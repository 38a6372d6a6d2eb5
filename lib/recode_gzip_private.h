/* SPDX-License-Identifier: MIT */
#pragma once
/* What splitting and joining of gzip members share: the model of a block.
 *
 * Corrections, all numbers are LEB128:
 *   one byte: the profile (lib/lazymatch.h)
 *   size of the member's header, 0 if it is the usual one; that header
 *   size of the block records; these
 *   token records, to the end
 * A block record: how many blocks before it were foretold rightly; flags; then, by the flags, the
 * count of its tokens (of its bytes, if it is stored), and a dynamic block's header.
 * A token record: how many tokens before it were foretold rightly; 0 for a literal, or the match's
 * length less two, and its distance. */

#include "huffman.h"
#include "lazymatch.h"
#include "recode_gzip.h"

enum {
	RECODE_GZIP_HEADER_SIZE = 10, /* without any optional field */
	RECODE_GZIP_TRAILER_SIZE = 8,
	RECODE_GZIP_TOKENS_MAX = 1 << 18, /* of a block */
	RECODE_GZIP_BLOCKS_MAX = 1 << 16,
	/* How a dynamic header's symbols are written: the lengths, then each repeat. */
	RECODE_GZIP_SYMBOL_REPEAT = 16,
	RECODE_GZIP_SYMBOL_ZEROS_SHORT = 20,
	RECODE_GZIP_SYMBOL_ZEROS_LONG = 28,
	RECODE_GZIP_SYMBOLS = 28 + 128,
};

/* A block record's flags. */
enum {
	RECODE_GZIP_HAS_COUNT = 1,
	RECODE_GZIP_HAS_TYPE = 2, /* in bits 4 and 5; a stored block has a count then */
	RECODE_GZIP_HAS_HEADER = 4,
	RECODE_GZIP_OTHER_END = 8, /* is the last block although not foretold so, or is not */
	RECODE_GZIP_TYPE_SHIFT = 4,
	RECODE_GZIP_FLAGS_MAX = 63,
};

/* A block that grows. */
struct recode_gzip_block {
	struct huffman_counts counts;
	unsigned token_count;
	unsigned match_count;
	uint64_t estimate_bits; /* what the encoder guesses of its size */
	size_t start;           /* in the content */
	gboolean is_full;       /* the encoder ends it after this token */
};

/* How the encoder would send a block. */
struct recode_gzip_plan {
	enum deflate_type type;
	struct deflate_header header;
};

void recode_gzip_block_init(struct recode_gzip_block *block, size_t start);

/* Takes the model's next token into both; `model` is where the token starts. */
void recode_gzip_block_add(struct recode_gzip_block *block, const struct lazymatch_profile *profile,
			   struct lazymatch *model, uint32_t token, size_t raw_size);

/* `window`: see lazymatch_window(). Ends the counting: adds the end symbol. */
void recode_gzip_block_plan(struct recode_gzip_block *block, size_t size_bytes, gboolean may_store,
			    struct recode_gzip_plan *ret_plan);

void recode_gzip_header(const struct lazymatch_profile *profile,
			uint8_t ret_header[static RECODE_GZIP_HEADER_SIZE]);
uint32_t recode_gzip_crc(const uint8_t *bytes, size_t size_bytes);

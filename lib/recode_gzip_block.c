/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "recode_gzip_private.h"

enum { CUT_EVERY = 4096 };

void recode_gzip_block_init(struct recode_gzip_block *block, size_t start)
{
	memset(block, 0, sizeof *block);
	block->start = start;
}

/* Whether the block, of which `size_bytes` of content are known to be done, looks compressed well
 * enough to end it early. */
static gboolean block_pays(const struct recode_gzip_block *block, size_t size_bytes)
{
	return block->token_count % CUT_EVERY == 0 && block->match_count < block->token_count / 2 &&
	       block->estimate_bits / 8 < size_bytes / 2;
}

void recode_gzip_block_add(struct recode_gzip_block *block, const struct lazymatch_profile *profile,
			   struct lazymatch *model, uint32_t token, size_t raw_size)
{
	const unsigned distance = deflate_distance(token);
	/* A lazy encoder is one byte ahead when it writes a token. */
	const size_t done = lazymatch_position(model) + (profile->is_lazy ? 1 : 0) - block->start;

	huffman_token_count(&block->counts, token);
	block->token_count++;
	block->estimate_bits += 8;
	if (distance > 0) {
		block->match_count++;
		block->estimate_bits += 5 + deflate_distance_extra(deflate_distance_code(distance));
	}
	lazymatch_accept(model, token);
	block->is_full = block->token_count >= profile->tokens_max ||
			 (profile->may_cut && block_pays(block, done));
	/* What a lazy encoder holds back at the end goes into the block at hand. */
	if (profile->is_lazy && distance == 0 && lazymatch_position(model) == raw_size)
		block->is_full = FALSE;
}

void recode_gzip_block_plan(struct recode_gzip_block *block, size_t size_bytes, gboolean may_store,
			    struct recode_gzip_plan *ret_plan)
{
	struct huffman_lengths lengths;
	uint64_t fixed_size;
	uint64_t size;

	block->counts.literals[DEFLATE_END]++;
	huffman_fixed(&lengths);
	fixed_size = (3 + huffman_token_bits(&block->counts, &lengths) + 7) / 8;
	huffman_dynamic(&block->counts, &lengths, &ret_plan->header);
	size = (3 + huffman_header_bits(&ret_plan->header) +
		huffman_token_bits(&block->counts, &lengths) + 7) /
	       8;
	ret_plan->type = fixed_size <= size ? DEFLATE_FIXED : DEFLATE_DYNAMIC;
	if (may_store && size_bytes + 4 <= MIN(size, fixed_size))
		ret_plan->type = DEFLATE_STORED;
}

void recode_gzip_header(const struct lazymatch_profile *profile,
			uint8_t ret_header[static RECODE_GZIP_HEADER_SIZE])
{
	const uint8_t header[RECODE_GZIP_HEADER_SIZE] = { 0x1f, 0x8b,         8, 0, 0, 0, 0,
							  0,    profile->xfl, 3 };

	memcpy(ret_header, header, sizeof header);
}

uint32_t recode_gzip_crc(const uint8_t *bytes, size_t size_bytes)
{
	static const uint32_t NIBBLE[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size_bytes; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ NIBBLE[crc & 15];
		crc = crc >> 4 ^ NIBBLE[crc & 15];
	}
	return ~crc;
}

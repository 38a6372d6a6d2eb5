/* SPDX-License-Identifier: MIT */
#include "veritybuild.h"

#include <string.h>

void veritybuild_init(struct veritybuild *build, const struct veritree *tree,
		      struct crypto_hasher *hasher, veritybuild_sink sink, gpointer user_data)
{
	memset(build, 0, sizeof *build);
	build->tree = tree;
	build->hasher = hasher;
	build->sink = sink;
	build->user_data = user_data;
}

static uint64_t level_hashes(const struct veritree *tree, unsigned level)
{
	return level == 0 ? tree->data_blocks : tree->level_blocks[level - 1];
}

gboolean veritybuild_add(struct veritybuild *build, const uint8_t hash[static VERITREE_HASH_SIZE],
			 GError **error)
{
	const struct veritree *tree = build->tree;
	uint8_t up[VERITREE_HASH_SIZE];

	memcpy(up, hash, sizeof up);
	for (unsigned level = 0; level < tree->level_count; level++) {
		const uint64_t index = build->count[level]++;
		const gboolean is_last = build->count[level] == level_hashes(tree, level);

		g_assert(index < level_hashes(tree, level));
		memcpy(build->open[level] + veritree_hash_offset(index), up, sizeof up);
		if (build->count[level] % VERITREE_HASHES_PER_BLOCK != 0 && !is_last)
			return TRUE;
		if (build->sink != NULL &&
		    !build->sink(build->user_data, veritree_hash_block(tree, level, index),
				 build->open[level], error))
			return FALSE;
		crypto_hash(build->hasher, build->open[level], VERITREE_BLOCK_SIZE, up);
		memset(build->open[level], 0, VERITREE_BLOCK_SIZE);
	}
	memcpy(build->root, up, sizeof up);
	return TRUE;
}

GByteArray *veritybuild_parents(struct crypto_hasher *hasher, const uint8_t *leaves,
				size_t size_bytes)
{
	GByteArray *parents = g_byte_array_new();

	for (size_t at = 0; at < size_bytes; at += VERITREE_BLOCK_SIZE) {
		uint8_t block[VERITREE_BLOCK_SIZE] = { 0 };
		uint8_t hash[VERITREE_HASH_SIZE];

		memcpy(block, leaves + at, MIN(sizeof block, size_bytes - at));
		crypto_hash(hasher, block, sizeof block, hash);
		g_byte_array_append(parents, hash, sizeof hash);
	}
	return parents;
}

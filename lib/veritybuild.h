/* SPDX-License-Identifier: MIT */
#pragma once
/* Verity tree builder: hashes go in one by one, tree blocks come out as they fill, and the root
 * comes at the end. Needs one block of memory per level, whatever the image's size. */

#include <glib.h>

#include "crypto.h"
#include "veritree.h"

/* Takes a finished tree block: `block` counts from the slot's start. */
typedef gboolean (*veritybuild_sink)(gpointer user_data, uint64_t block,
				     const uint8_t bytes[static VERITREE_BLOCK_SIZE],
				     GError **error);

struct veritybuild {
	const struct veritree *tree;
	struct crypto_hasher *hasher; /* borrowed; carries the salt */
	veritybuild_sink sink;        /* NULL: only the root is wanted */
	gpointer user_data;
	uint64_t count[VERITREE_LEVELS_MAX]; /* hashes given to each level so far */
	uint8_t open[VERITREE_LEVELS_MAX][VERITREE_BLOCK_SIZE];
	uint8_t root[VERITREE_HASH_SIZE];
};

void veritybuild_init(struct veritybuild *build, const struct veritree *tree,
		      struct crypto_hasher *hasher, veritybuild_sink sink, gpointer user_data);

/* The hashes of the blocks that leaf hashes fill, the last one up with zeros: what the level above
 * them has. The caller frees. */
GByteArray *veritybuild_parents(struct crypto_hasher *hasher, const uint8_t *leaves,
				size_t size_bytes);

/* Hands in the hash of the next data block; fails only when the sink fails. After the last one
 * (tree->data_blocks), build->root is the root hash. */
gboolean veritybuild_add(struct veritybuild *build, const uint8_t hash[static VERITREE_HASH_SIZE],
			 GError **error);

/* SPDX-License-Identifier: MIT */
/* An open hash table from the first 32 bits of a leaf hash to a block number, 8 bytes an entry at
 * a load of at most one half, plus the first 32 bits of every leaf for the same-place guess.
 * Images above INDEXED_MAX blocks are indexed up to there; the rest still matches in place. */
#include "seed.h"

#include "bytes.h"

enum {
	INDEXED_MAX = 1 << 21, /* 8 GiB of image: 32 MiB of table */
	CHUNK_BLOCKS = 16,     /* tree blocks read at once */
};

struct seed_entry {
	uint32_t key;
	uint32_t block_plus_one; /* 0: free */
};

struct seed {
	struct seed_entry *entries;
	uint32_t mask;
	uint64_t count; /* data blocks */
	uint32_t *keys; /* of the first INDEXED_MAX blocks */
	uint64_t key_count;
};

static uint32_t leaf_key(const uint8_t *hash)
{
	return bytes_load_u32(hash);
}

static void seed_insert(struct seed *seed, uint32_t key, uint64_t block)
{
	uint32_t at = key * 2654435761u & seed->mask;

	while (seed->entries[at].block_plus_one != 0) {
		if (seed->entries[at].key == key)
			return; /* an equal block is as good */
		at = (at + 1) & seed->mask;
	}
	seed->entries[at] = (struct seed_entry){ key, (uint32_t)block + 1 };
}

static gboolean seed_fill(struct seed *seed, struct disk *disk, uint64_t offset,
			  const struct veritree *tree, GError **error)
{
	uint8_t bytes[CHUNK_BLOCKS * VERITREE_BLOCK_SIZE];

	for (uint64_t block = 0; block < seed->key_count;) {
		const uint64_t hash_block = veritree_hash_block(tree, 0, block);
		const uint64_t left = tree->level_start[0] + tree->level_blocks[0] - hash_block;
		const size_t size = (size_t)MIN(left, CHUNK_BLOCKS) * VERITREE_BLOCK_SIZE;

		if (!disk_read(disk, offset + hash_block * VERITREE_BLOCK_SIZE, bytes, size, error))
			return FALSE;
		for (size_t at = 0; at < size && block < seed->key_count;
		     at += VERITREE_HASH_SIZE, block++) {
			seed->keys[block] = leaf_key(bytes + at);
			seed_insert(seed, seed->keys[block], block);
		}
	}
	return TRUE;
}

struct seed *seed_new(struct disk *disk, uint64_t offset, const struct veritree *tree,
		      GError **error)
{
	g_autoptr(Seed) seed = g_new0(struct seed, 1);
	uint32_t room = 16;

	if (tree->level_count == 0)
		return g_steal_pointer(&seed); /* a single block is not worth a seed */
	seed->count = tree->data_blocks;
	seed->key_count = MIN(seed->count, INDEXED_MAX);
	while (room < 2 * seed->key_count)
		room *= 2;
	seed->mask = room - 1;
	seed->entries = g_new0(struct seed_entry, room);
	seed->keys = g_new(uint32_t, seed->key_count);
	if (!seed_fill(seed, disk, offset, tree, error))
		return NULL;
	return g_steal_pointer(&seed);
}

void seed_free(struct seed *seed)
{
	if (seed == NULL)
		return;
	g_free(seed->entries);
	g_free(seed->keys);
	g_free(seed);
}

gboolean seed_find(const struct seed *seed, const uint8_t hash[static VERITREE_HASH_SIZE],
		   uint64_t likely, uint64_t *ret_block)
{
	const uint32_t key = leaf_key(hash);
	uint32_t at;

	*ret_block = likely;
	if (likely < seed->count && (likely >= seed->key_count || seed->keys[likely] == key))
		return TRUE;
	if (seed->entries == NULL)
		return FALSE;
	for (at = key * 2654435761u & seed->mask; seed->entries[at].block_plus_one != 0;
	     at = (at + 1) & seed->mask)
		if (seed->entries[at].key == key) {
			*ret_block = seed->entries[at].block_plus_one - 1;
			return TRUE;
		}
	return FALSE;
}

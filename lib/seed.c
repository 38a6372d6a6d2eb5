/* SPDX-License-Identifier: MIT */
/* The first 32 bits of each leaf hash, 4 bytes a block, and an open hash table of block numbers
 * over them, 4 bytes an entry at a load of at most one half. Equal blocks take one entry, so a
 * sparse image needs a small table. Images above INDEXED_MAX blocks are indexed up to there; the
 * rest still matches in place. */
#include "seed.h"

#include "bytes.h"

enum {
	INDEXED_MAX = 1 << 21, /* 8 GiB of image: 8 MiB of keys, 16 MiB of table */
	CHUNK_BLOCKS = 16,     /* tree blocks read at once */
	ROOM_MIN = 1 << 10,
};

struct seed {
	uint32_t *table; /* block number plus one; 0: free */
	uint32_t room;   /* entries of the table, a power of two */
	uint32_t used;
	uint64_t count; /* data blocks */
	uint32_t *keys; /* of the first INDEXED_MAX blocks */
	uint64_t key_count;
};

static uint32_t leaf_key(const uint8_t *hash)
{
	return bytes_load_u32(hash);
}

/* The entry that holds this key, or the free one where it belongs. */
static uint32_t *entry_find(const struct seed *seed, uint32_t key)
{
	uint32_t at = key * 2654435761u & (seed->room - 1);

	while (seed->table[at] != 0 && seed->keys[seed->table[at] - 1] != key)
		at = (at + 1) & (seed->room - 1);
	return &seed->table[at];
}

static void table_grow(struct seed *seed)
{
	g_autofree uint32_t *old = seed->table;
	const uint32_t old_room = seed->room;

	seed->room = MAX(ROOM_MIN, 2 * old_room);
	seed->table = g_new0(uint32_t, seed->room);
	for (uint32_t i = 0; i < old_room; i++)
		if (old[i] != 0)
			*entry_find(seed, seed->keys[old[i] - 1]) = old[i];
}

static void seed_index(struct seed *seed)
{
	for (uint64_t block = 0; block < seed->key_count; block++) {
		uint32_t *entry;

		if (2 * (uint64_t)seed->used >= seed->room)
			table_grow(seed);
		entry = entry_find(seed, seed->keys[block]);
		if (*entry != 0)
			continue; /* an equal block is as good */
		*entry = (uint32_t)block + 1;
		seed->used++;
	}
}

static gboolean keys_read(struct seed *seed, struct disk *disk, uint64_t offset,
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
		     at += VERITREE_HASH_SIZE, block++)
			seed->keys[block] = leaf_key(bytes + at);
	}
	return TRUE;
}

struct seed *seed_new_in_place(struct disk *disk, uint64_t offset, const struct veritree *tree,
			       GError **error)
{
	g_autoptr(Seed) seed = g_new0(struct seed, 1);

	if (tree->level_count == 0)
		return g_steal_pointer(&seed); /* a single block is not worth a seed */
	seed->count = tree->data_blocks;
	seed->key_count = MIN(seed->count, INDEXED_MAX);
	seed->keys = g_new(uint32_t, seed->key_count);
	if (!keys_read(seed, disk, offset, tree, error))
		return NULL;
	return g_steal_pointer(&seed);
}

struct seed *seed_new(struct disk *disk, uint64_t offset, const struct veritree *tree,
		      GError **error)
{
	struct seed *seed = seed_new_in_place(disk, offset, tree, error);

	if (seed != NULL)
		seed_index(seed);
	return seed;
}

void seed_free(struct seed *seed)
{
	if (seed == NULL)
		return;
	g_free(seed->table);
	g_free(seed->keys);
	g_free(seed);
}

gboolean seed_has(const struct seed *seed, const uint8_t hash[static VERITREE_HASH_SIZE],
		  uint64_t block)
{
	return block < seed->key_count && seed->keys[block] == leaf_key(hash);
}

gboolean seed_find(const struct seed *seed, const uint8_t hash[static VERITREE_HASH_SIZE],
		   uint64_t likely, uint64_t *ret_block)
{
	uint32_t found;

	*ret_block = likely;
	if (likely < seed->count && likely >= seed->key_count)
		return TRUE; /* not indexed: worth a try */
	if (seed_has(seed, hash, likely))
		return TRUE;
	if (seed->room == 0)
		return FALSE;
	found = *entry_find(seed, leaf_key(hash));
	*ret_block = (uint64_t)found - 1;
	return found != 0;
}

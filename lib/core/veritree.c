/* SPDX-License-Identifier: MIT */
/* Superblock. Little-endian.
 *
 * offset  size  field
 *      0     8  "verity", two NULs
 *      8     4  version 1
 *     12     4  hash type 1
 *     16    16  UUID
 *     32    32  "sha256", NUL-padded
 *     64     4  data block size 4096
 *     68     4  hash block size 4096
 *     72     8  data blocks
 *     80     2  salt size
 *     82     6  zero
 *     88   256  salt
 *    344   168  zero */
#include "veritree.h"

#include <stdbool.h>

#include "bytes.h"
#include "check.h"

enum {
	OFFSET_VERSION = 8,
	OFFSET_TYPE = 12,
	OFFSET_UUID = 16,
	OFFSET_ALGORITHM = 32,
	OFFSET_DATA_SIZE = 64,
	OFFSET_HASH_SIZE = 68,
	OFFSET_DATA_BLOCKS = 72,
	OFFSET_SALT_SIZE = 80,
	OFFSET_SALT = 88,
	ALGORITHM_SIZE = 32,
};
_Static_assert(OFFSET_SALT + VERITREE_SALT_MAX == 344, "the salt ends where the padding starts");

static const uint8_t MAGIC[8] = { 'v', 'e', 'r', 'i', 't', 'y', 0, 0 };
static const uint8_t ALGORITHM[ALGORITHM_SIZE] = { 's', 'h', 'a', '2', '5', '6' };

fault veritree_init(uint64_t data_blocks, struct veritree *ret_tree)
{
	struct veritree tree = { .data_blocks = data_blocks, .superblock = data_blocks };
	uint64_t below = data_blocks;
	uint64_t next = data_blocks + 1;

	if (data_blocks == 0 || data_blocks > VERITREE_DATA_BLOCKS_MAX)
		return FAULT_VERITREE_RANGE;
	while (below > 1) {
		below = (below + VERITREE_HASHES_PER_BLOCK - 1) / VERITREE_HASHES_PER_BLOCK;
		check(tree.level_count < VERITREE_LEVELS_MAX);
		tree.level_blocks[tree.level_count++] = below;
	}
	for (unsigned level = tree.level_count; level-- > 0;) {
		tree.level_start[level] = next;
		next += tree.level_blocks[level];
	}
	tree.total_blocks = next;
	*ret_tree = tree;
	return FAULT_OK;
}

uint64_t veritree_hash_block(const struct veritree *tree, unsigned level, uint64_t index)
{
	check(level < tree->level_count);
	check(index / VERITREE_HASHES_PER_BLOCK < tree->level_blocks[level]);
	return tree->level_start[level] + index / VERITREE_HASHES_PER_BLOCK;
}

size_t veritree_hash_offset(uint64_t index)
{
	return (size_t)(index % VERITREE_HASHES_PER_BLOCK) * VERITREE_HASH_SIZE;
}

void veritree_superblock_encode(const struct veritree_superblock *superblock,
				uint8_t ret_bytes[static VERITREE_BLOCK_SIZE])
{
	check(superblock->salt_size <= VERITREE_SALT_MAX);
	bytes_fill(ret_bytes, 0, VERITREE_BLOCK_SIZE);
	bytes_copy(ret_bytes, MAGIC, sizeof MAGIC);
	bytes_store_u32(ret_bytes + OFFSET_VERSION, 1);
	bytes_store_u32(ret_bytes + OFFSET_TYPE, 1);
	bytes_copy(ret_bytes + OFFSET_UUID, superblock->uuid, VERITREE_UUID_SIZE);
	bytes_copy(ret_bytes + OFFSET_ALGORITHM, ALGORITHM, ALGORITHM_SIZE);
	bytes_store_u32(ret_bytes + OFFSET_DATA_SIZE, VERITREE_BLOCK_SIZE);
	bytes_store_u32(ret_bytes + OFFSET_HASH_SIZE, VERITREE_BLOCK_SIZE);
	bytes_store_u64(ret_bytes + OFFSET_DATA_BLOCKS, superblock->data_blocks);
	bytes_store_u16(ret_bytes + OFFSET_SALT_SIZE, superblock->salt_size);
	bytes_copy(ret_bytes + OFFSET_SALT, superblock->salt, superblock->salt_size);
}

static bool superblock_is_ours(const uint8_t *bytes)
{
	return bytes_equal(bytes, MAGIC, sizeof MAGIC) &&
	       bytes_load_u32(bytes + OFFSET_VERSION) == 1 &&
	       bytes_load_u32(bytes + OFFSET_TYPE) == 1 &&
	       bytes_equal(bytes + OFFSET_ALGORITHM, ALGORITHM, ALGORITHM_SIZE) &&
	       bytes_load_u32(bytes + OFFSET_DATA_SIZE) == VERITREE_BLOCK_SIZE &&
	       bytes_load_u32(bytes + OFFSET_HASH_SIZE) == VERITREE_BLOCK_SIZE &&
	       bytes_load_u16(bytes + OFFSET_SALT_SIZE) <= VERITREE_SALT_MAX;
}

fault veritree_superblock_decode(const uint8_t bytes[static VERITREE_BLOCK_SIZE],
				 struct veritree_superblock *ret_superblock)
{
	if (!superblock_is_ours(bytes))
		return FAULT_VERITREE_SUPERBLOCK;
	ret_superblock->data_blocks = bytes_load_u64(bytes + OFFSET_DATA_BLOCKS);
	bytes_copy(ret_superblock->uuid, bytes + OFFSET_UUID, VERITREE_UUID_SIZE);
	ret_superblock->salt_size = bytes_load_u16(bytes + OFFSET_SALT_SIZE);
	bytes_copy(ret_superblock->salt, bytes + OFFSET_SALT, VERITREE_SALT_MAX);
	return FAULT_OK;
}

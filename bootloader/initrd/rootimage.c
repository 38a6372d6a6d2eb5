/* SPDX-License-Identifier: MIT */
#include "rootimage.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool block_read(int fd, uint64_t block, uint8_t ret_bytes[static VERITREE_BLOCK_SIZE])
{
	size_t filled = 0;

	while (filled < VERITREE_BLOCK_SIZE) {
		const off_t offset = (off_t)(block * VERITREE_BLOCK_SIZE + filled);
		const ssize_t got = pread(fd, ret_bytes + filled, VERITREE_BLOCK_SIZE - filled,
					  offset);

		if (got <= 0)
			return false;
		filled += (size_t)got;
	}
	return true;
}

static bool block_hash(const struct veritree_superblock *superblock,
		       const uint8_t bytes[static VERITREE_BLOCK_SIZE],
		       uint8_t ret_hash[static VERITREE_HASH_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool hashed = context != NULL &&
			    EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
			    EVP_DigestUpdate(context, superblock->salt, superblock->salt_size) ==
				    1 &&
			    EVP_DigestUpdate(context, bytes, VERITREE_BLOCK_SIZE) == 1 &&
			    EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;

	EVP_MD_CTX_free(context);
	return hashed;
}

/* The block that the root hash is the hash of: the top of the tree, or the only data block. */
static uint64_t top_block(const struct veritree *tree)
{
	return tree->level_count == 0 ? 0 : tree->level_start[tree->level_count - 1];
}

fault rootimage_check(int fd, uint64_t size_bytes, uint64_t data_blocks,
		      const uint8_t root_hash[static VERITREE_HASH_SIZE],
		      struct veritree_superblock *ret_superblock)
{
	uint8_t bytes[VERITREE_BLOCK_SIZE];
	uint8_t hash[VERITREE_HASH_SIZE];
	struct veritree_superblock superblock;
	struct veritree tree;
	fault why = veritree_init(data_blocks, &tree);

	if (why != FAULT_OK)
		return why;
	if (tree.total_blocks > size_bytes / VERITREE_BLOCK_SIZE)
		return FAULT_PART_SMALL;
	if (!block_read(fd, tree.superblock, bytes))
		return FAULT_DISK_READ;
	why = veritree_superblock_decode(bytes, &superblock);
	if (why != FAULT_OK)
		return why;
	if (superblock.data_blocks != data_blocks)
		return FAULT_ROOT_OTHER;
	if (!block_read(fd, top_block(&tree), bytes))
		return FAULT_DISK_READ;
	if (!block_hash(&superblock, bytes, hash) ||
	    memcmp(hash, root_hash, VERITREE_HASH_SIZE) != 0)
		return FAULT_ROOT_OTHER;
	*ret_superblock = superblock;
	return FAULT_OK;
}

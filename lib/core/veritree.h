/* SPDX-License-Identifier: MIT */
#pragma once
/* Verity tree arithmetic: where in a slot the blocks of a dm-verity hash tree stand, and the
 * superblock. Format: the kernel's dm-verity documentation and cryptsetup's "on-disk format".
 *
 * A slot is: data blocks | superblock (one block) | tree, top level first. All blocks have 4096
 * bytes, SHA-256, format 1 (salt before the data). Numbers count blocks from the slot's start. */

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum {
	VERITREE_BLOCK_SIZE = 4096,
	VERITREE_HASH_SIZE = 32,
	VERITREE_HASHES_PER_BLOCK = VERITREE_BLOCK_SIZE / VERITREE_HASH_SIZE,
	VERITREE_LEVELS_MAX = 4, /* 128^4 blocks are 1 TiB */
	VERITREE_SALT_MAX = 256,
	VERITREE_UUID_SIZE = 16,
};
/* 64 GiB: more than any image of an operating system, and 8 bytes of index each fit in memory. */
static const uint64_t VERITREE_DATA_BLOCKS_MAX = (uint64_t)1 << 24;

struct veritree {
	uint64_t data_blocks;
	unsigned level_count; /* 0 for a single data block, whose hash is the root */
	uint64_t level_blocks[VERITREE_LEVELS_MAX]; /* level 0 holds the leaf hashes */
	uint64_t level_start[VERITREE_LEVELS_MAX];  /* first block of the level */
	uint64_t superblock;                        /* its block number, equal to data_blocks */
	uint64_t total_blocks;                      /* data, superblock and tree */
};

struct veritree_superblock {
	uint64_t data_blocks;
	uint8_t uuid[VERITREE_UUID_SIZE];
	uint16_t salt_size;
	uint8_t salt[VERITREE_SALT_MAX];
};

/* FAULT_VERITREE_RANGE: no data, or more than VERITREE_DATA_BLOCKS_MAX. */
fault veritree_init(uint64_t data_blocks, struct veritree *ret_tree);

/* The tree block that holds the hash of block `index` of the level below, and where in it. */
uint64_t veritree_hash_block(const struct veritree *tree, unsigned level, uint64_t index);
size_t veritree_hash_offset(uint64_t index);

/* The superblock's 512 bytes with the block's padding. FAULT_VERITREE_SUPERBLOCK: not one, or
 * of a kind that we do not make (other hash, block sizes, format). */
void veritree_superblock_encode(const struct veritree_superblock *superblock,
				uint8_t ret_bytes[static VERITREE_BLOCK_SIZE]);
fault veritree_superblock_decode(const uint8_t bytes[static VERITREE_BLOCK_SIZE],
				 struct veritree_superblock *ret_superblock);

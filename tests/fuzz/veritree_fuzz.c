/* SPDX-License-Identifier: MIT */
/* Verity superblocks: what decodes encodes to the same bytes, but for those that mean nothing; and
 * the tree and parity of so many blocks are where another way of counting puts them. */
#include "veritree.h"

#include <string.h>

#include "bytes.h"
#include "feclayout.h"
#include "fuzz.h"

enum { USED = 344, SALT = 88, UNUSED_FROM = 82, UNUSED_SIZE = 6 };

static void superblock_check(const uint8_t *block, const struct veritree_superblock *superblock)
{
	uint8_t expected[USED];
	uint8_t again[VERITREE_BLOCK_SIZE];
	struct veritree_superblock back;

	promise(superblock->salt_size <= VERITREE_SALT_MAX);
	memcpy(expected, block, USED);
	memset(expected + UNUSED_FROM, 0, UNUSED_SIZE);
	memset(expected + SALT + superblock->salt_size, 0, USED - SALT - superblock->salt_size);
	veritree_superblock_encode(superblock, again);
	promise(memcmp(again, expected, USED) == 0);
	promise(bytes_are_zero(again + USED, sizeof again - USED));
	promise(veritree_superblock_decode(again, &back) == FAULT_OK);
}

/* Blocks of the level above so many, counted down one by one block of hashes. */
static uint64_t above(uint64_t blocks)
{
	return blocks / 128 + (blocks % 128 != 0);
}

static void tree_check(const struct veritree *tree)
{
	uint64_t end = tree->total_blocks;
	uint64_t below = tree->data_blocks;

	promise(tree->superblock == tree->data_blocks);
	for (unsigned level = 0; level < tree->level_count; level++) {
		const uint64_t last = below - 1;

		promise(tree->level_blocks[level] == above(below));
		promise(tree->level_start[level] + tree->level_blocks[level] == end);
		promise(veritree_hash_block(tree, level, last) == end - 1);
		promise(veritree_hash_offset(last) == last % 128 * 32);
		end = tree->level_start[level];
		below = tree->level_blocks[level];
	}
	promise(below == 1 && end == tree->superblock + 1);
}

/* Runs of covered blocks meet without a gap, and leave out nothing but the superblock. */
static void parity_check(const struct veritree *tree, unsigned roots)
{
	struct feclayout layout;
	uint64_t next = 0;
	uint64_t block = 0;
	uint64_t count;

	if (feclayout_init(tree, roots, &layout) != FAULT_OK) {
		promise(roots < 2 || roots > 24);
		return;
	}
	promise(layout.blocks == layout.rounds * roots && layout.start == tree->total_blocks);
	promise(layout.rounds * (255 - roots) >= layout.covered_blocks &&
		(layout.rounds - 1) * (255 - roots) < layout.covered_blocks);
	while ((count = feclayout_run(&layout, next, UINT64_MAX, &block)) > 0) {
		promise(block == next + (next >= tree->data_blocks));
		next += count;
	}
	promise(next == tree->total_blocks - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t block[VERITREE_BLOCK_SIZE] = { 0 };
	struct veritree_superblock superblock;
	struct veritree tree;
	uint64_t blocks;

	memcpy(block, bytes, MIN(size_bytes, sizeof block));
	if (veritree_superblock_decode(block, &superblock) == FAULT_OK)
		superblock_check(block, &superblock);
	blocks = bytes_load_u64(block + 72);
	if (veritree_init(blocks, &tree) != FAULT_OK) {
		promise(blocks == 0 || blocks > VERITREE_DATA_BLOCKS_MAX);
		return 0;
	}
	tree_check(&tree);
	parity_check(&tree, block[511] % 32);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const uint64_t BLOCKS[] = { 1, 128, 129, 16385, 1 << 24 };
	struct veritree_superblock superblock = { .salt_size = 32, .salt = { 1, 2, 3 } };
	uint8_t block[VERITREE_BLOCK_SIZE];

	if (number >= G_N_ELEMENTS(BLOCKS))
		return 0;
	superblock.data_blocks = BLOCKS[number];
	superblock.uuid[0] = (uint8_t)number;
	veritree_superblock_encode(&superblock, block);
	block[511] = (uint8_t)(2 + number * 5);
	return fuzz_copy(block, 512, ret_bytes, room);
}

/* SPDX-License-Identifier: MIT */
/* The layout against cryptsetup itself is tested in veritybuild_test; here, the arithmetic. */
#include "veritree.h"

#include <string.h>

#include "tap.h"

static void test_levels(void)
{
	static const struct {
		uint64_t data_blocks;
		unsigned levels;
		uint64_t total;
	} ROWS[] = {
		{ 1, 0, 1 + 1 },
		{ 2, 1, 2 + 1 + 1 },
		{ 128, 1, 128 + 1 + 1 },
		{ 129, 2, 129 + 1 + 2 + 1 },
		{ 128 * 128, 2, 128 * 128 + 1 + 128 + 1 },
		{ 128 * 128 + 1, 3, 128 * 128 + 1 + 1 + 129 + 2 + 1 },
		{ 262144, 3, 262144 + 1 + 2048 + 16 + 1 },
		{ 1 << 24, 4, (1 << 24) + 1 + 131072 + 1024 + 8 + 1 },
	};
	struct veritree tree;

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		expect(veritree_init(ROWS[i].data_blocks, &tree) == FAULT_OK);
		expect(tree.level_count == ROWS[i].levels && tree.total_blocks == ROWS[i].total);
	}
	expect(veritree_init(0, &tree) == FAULT_VERITREE_RANGE);
	expect(veritree_init(VERITREE_DATA_BLOCKS_MAX + 1, &tree) == FAULT_VERITREE_RANGE);
}

/* Levels stand top first, side by side, and leave nothing out. */
static void test_places(void)
{
	struct veritree tree;

	for (uint64_t blocks = 2; blocks < 40000; blocks += 61) {
		uint64_t next = blocks + 1;

		expect(veritree_init(blocks, &tree) == FAULT_OK);
		expect(tree.superblock == blocks);
		for (unsigned level = tree.level_count; level-- > 0;) {
			expect(tree.level_start[level] == next);
			next += tree.level_blocks[level];
		}
		expect(next == tree.total_blocks);
		expect(veritree_hash_block(&tree, 0, 0) == tree.level_start[0]);
		expect(veritree_hash_block(&tree, 0, blocks - 1) == tree.total_blocks - 1);
	}
	expect(veritree_hash_offset(127) == 127 * 32 && veritree_hash_offset(128) == 0);
}

static void test_superblock(void)
{
	struct veritree_superblock superblock = {
		.data_blocks = 99,
		.uuid = { 1, 2 },
		.salt_size = 3,
		.salt = { 7, 8, 9 },
	};
	struct veritree_superblock back;
	uint8_t bytes[VERITREE_BLOCK_SIZE];

	veritree_superblock_encode(&superblock, bytes);
	expect(veritree_superblock_decode(bytes, &back) == FAULT_OK);
	expect(back.data_blocks == 99 && back.salt_size == 3 && back.salt[2] == 9 &&
	       back.uuid[1] == 2);
	for (unsigned byte = 0; byte < 72; byte++) {
		const bool is_uuid = byte >= 16 && byte < 32;

		bytes[byte] ^= 1;
		expect((veritree_superblock_decode(bytes, &back) == FAULT_OK) == is_uuid);
		bytes[byte] ^= 1;
	}
	bytes[81] = 2;
	expect(veritree_superblock_decode(bytes, &back) == FAULT_VERITREE_SUPERBLOCK);
}

static const struct tap_case CASES[] = {
	{ "levels", test_levels },
	{ "places", test_places },
	{ "superblock", test_superblock },
};
TAP_MAIN(CASES)

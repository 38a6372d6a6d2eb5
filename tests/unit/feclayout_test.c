/* SPDX-License-Identifier: MIT */
/* The layout against cryptsetup itself is tested in fec_test; here, the arithmetic. */
#include "feclayout.h"

#include "tap.h"

static void test_numbers(void)
{
	static const struct {
		uint64_t data_blocks;
		unsigned roots;
		uint64_t covered, rounds, start, blocks;
	} ROWS[] = {
		/* a single block has no tree */
		{ 1, 2, 1, 1, 2, 2 },
		{ 2, 2, 3, 1, 4, 2 },
		{ 128, 2, 129, 1, 130, 2 },
		/* 249 and 3 and 1 blocks fill one round, one more begins the next */
		{ 250, 2, 253, 1, 254, 2 },
		{ 251, 2, 254, 2, 255, 4 },
		{ 251, 24, 254, 2, 255, 48 },
		{ 1000, 3, 1009, 5, 1010, 15 },
		{ 1 << 24, 2, 16777216 + 131072 + 1024 + 8 + 1, 66836, 16777216 + 132106, 133672 },
		{ 1 << 24, 24, 16777216 + 131072 + 1024 + 8 + 1, 73201, 16777216 + 132106,
		  1756824 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct veritree tree;
		struct feclayout layout;

		expect(veritree_init(ROWS[i].data_blocks, &tree) == FAULT_OK);
		expect(feclayout_init(&tree, ROWS[i].roots, &layout) == FAULT_OK);
		expect(layout.roots == ROWS[i].roots);
		expect(layout.covered_blocks == ROWS[i].covered);
		expect(layout.rounds == ROWS[i].rounds);
		expect(layout.start == ROWS[i].start && layout.start == tree.total_blocks);
		expect(layout.blocks == ROWS[i].blocks);
		expect(layout.total_blocks == ROWS[i].start + ROWS[i].blocks);
	}
}

static void test_roots(void)
{
	struct veritree tree;
	struct feclayout layout = { .roots = 77 };

	expect(veritree_init(1000, &tree) == FAULT_OK);
	for (unsigned roots = 0; roots < 300; roots++) {
		const bool is_valid = roots >= 2 && roots <= 24;
		const fault why = feclayout_init(&tree, roots, &layout);

		expect(why == (is_valid ? FAULT_OK : FAULT_FECLAYOUT_ROOTS));
		expect(layout.roots == (is_valid ? roots : roots < 2 ? 77 : 24));
	}
}

/* Every covered block is where it should be, by runs of each length from each place. */
static void test_runs(void)
{
	struct veritree tree;
	struct feclayout layout;

	expect(veritree_init(200, &tree) == FAULT_OK); /* and 3 of the tree, behind block 200 */
	expect(feclayout_init(&tree, 2, &layout) == FAULT_OK);
	for (uint64_t first = 0; first < 260; first++) {
		for (uint64_t count = 1; count < 260; count++) {
			uint64_t block = 999;
			const uint64_t run = feclayout_run(&layout, first, count, &block);
			const uint64_t left = first < 200   ? 200 - first
					      : first < 203 ? 203 - first
							    : 0;

			expect(run == (count < left ? count : left));
			expect(block == (left == 0 ? 999 : first < 200 ? first : first + 1));
		}
	}
}

static const struct tap_case CASES[] = {
	{ "numbers", test_numbers },
	{ "roots of 2 to 24", test_roots },
	{ "runs pass over the superblock", test_runs },
};
TAP_MAIN(CASES)

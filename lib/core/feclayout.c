/* SPDX-License-Identifier: MIT */
#include "feclayout.h"

#include "check.h"

fault feclayout_init(const struct veritree *tree, unsigned roots, struct feclayout *ret_layout)
{
	struct feclayout layout = {
		.roots = roots,
		.data_blocks = tree->data_blocks,
		.covered_blocks = tree->total_blocks - 1,
		.start = tree->total_blocks,
	};
	const uint64_t symbols = FECLAYOUT_CODEWORD - (uint64_t)roots;

	if (roots < FECLAYOUT_ROOTS_MIN || roots > FECLAYOUT_ROOTS_MAX)
		return FAULT_FECLAYOUT_ROOTS;
	layout.rounds = (layout.covered_blocks + symbols - 1) / symbols;
	layout.blocks = layout.rounds * roots;
	layout.total_blocks = layout.start + layout.blocks;
	*ret_layout = layout;
	return FAULT_OK;
}

uint64_t feclayout_run(const struct feclayout *layout, uint64_t first, uint64_t count,
		       uint64_t *ret_block)
{
	const uint64_t end = first < layout->data_blocks ? layout->data_blocks
							 : layout->covered_blocks;

	check(layout->rounds > 0);
	if (first >= end)
		return 0;
	/* Behind the data one block is passed over: the superblock. */
	*ret_block = first < layout->data_blocks ? first : first + 1;
	return count < end - first ? count : end - first;
}

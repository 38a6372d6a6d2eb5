/* SPDX-License-Identifier: MIT */
#pragma once
/* Scans: which blocks of a new image the base has too, or are zeros. */

#include "deltaindex.h"

struct deltascan_image {
	const uint8_t *bytes;
	uint64_t size_bytes; /* what a last block lacks counts as zeros */
};

/* Appends runs that cover the new image. Copies of up to `short_blocks` between MADE blocks are
 * MADE as well: to name them costs more than to make them. */
void deltascan_runs(const struct deltascan_image *base, const struct deltascan_image *new_image,
		    unsigned short_blocks, GArray *ret_runs);

/* The bytes of a block; the last one is completed in `room`. */
const uint8_t *deltascan_block(const struct deltascan_image *image, uint64_t block,
			       uint8_t room[static DELTAINDEX_BLOCK_SIZE]);
uint64_t deltascan_blocks(const struct deltascan_image *image);

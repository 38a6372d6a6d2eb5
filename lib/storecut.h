/* SPDX-License-Identifier: MIT */
#pragma once
/* Store cuts: where an image is cut into pieces, decided by the leaf hashes of its blocks alone, so
 * that equal runs of blocks give equal pieces wherever they stand, in this release and the next. */

#include <stdbool.h>
#include <stdint.h>

enum {
	STORECUT_HASH_SIZE = 32,
	STORECUT_DATA_MOST = 128,    /* blocks: 512 KiB */
	STORECUT_LEAVES_MOST = 4096, /* blocks, of whose hashes a piece is made: 128 KiB */
};

/* A piece ends after a block whose hash has these bits zero, but not before it has `least` blocks,
 * and at `most` blocks in any case. */
struct storecut_rule {
	uint32_t mask;
	uint32_t least;
	uint32_t most;
};
extern const struct storecut_rule STORECUT_DATA;   /* 8 to 128 blocks, some 40 on the average */
extern const struct storecut_rule STORECUT_LEAVES; /* 256 to 4096 blocks, some 1280 */

/* Whether a piece of `count` blocks ends after its last one, which has this hash. */
bool storecut_ends(const struct storecut_rule *rule, uint32_t count,
		   const uint8_t hash[static STORECUT_HASH_SIZE]);

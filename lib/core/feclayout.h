/* SPDX-License-Identifier: MIT */
#pragma once
/* FEC layout: where in a slot the parity of forward error correction stands, and what it covers.
 * Format: the kernel's dm-verity documentation, and what veritysetup --fec-device writes.
 *
 * A slot then is: data blocks | superblock | tree | parity. Data and tree are covered, as if they
 * stood one behind the other; the superblock, between them, is not. Byte i of block n of the
 * covered ones is a symbol of codeword i of round n modulo `rounds`: a codeword has one symbol of
 * each of 255 - roots blocks that stand far apart, and `roots` bytes of parity. Blocks behind the
 * covered ones, which fill up the last codewords, count as zeros. */

#include <stdint.h>

#include "fault.h"
#include "veritree.h"

enum {
	FECLAYOUT_ROOTS_MIN = 2, /* what kernel and cryptsetup take */
	FECLAYOUT_ROOTS_MAX = 24,
	FECLAYOUT_CODEWORD = 255, /* symbols, parity included */
};

struct feclayout {
	unsigned roots;
	uint64_t data_blocks;
	uint64_t covered_blocks; /* data and tree */
	uint64_t rounds;
	uint64_t start;        /* first block of the parity, counted from the slot's start */
	uint64_t blocks;       /* of the parity: `roots` of each round, round by round */
	uint64_t total_blocks; /* data, superblock, tree and parity */
};

/* FAULT_FECLAYOUT_ROOTS. */
fault feclayout_init(const struct veritree *tree, unsigned roots, struct feclayout *ret_layout);

/* Covered blocks from `first` on that stand side by side in the slot: at most `count`, 0 only
 * behind the last one. *ret_block: where, counted from the slot's start. */
uint64_t feclayout_run(const struct feclayout *layout, uint64_t first, uint64_t count,
		       uint64_t *ret_block);

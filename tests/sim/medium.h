/* SPDX-License-Identifier: MIT */
#pragma once
/* Medium: the disk of the simulated machine, as numbers of blocks whose content is kept once. A
 * whole disk is then an array of some 80 numbers: cheap to copy, to compare and to remember. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MEDIUM_BLOCK = 4096,
	MEDIUM_GRAIN = 64, /* the finest tear; a block has as many grains as a mask has bits */
	MEDIUM_SECTOR_GRAINS = 8,
	MEDIUM_STATE_BLOCKS = 2,
	MEDIUM_BOOT_BLOCKS = 12,
	MEDIUM_ROOT_BLOCKS = 24,
};

enum part { PART_STATE, PART_BOOT_A, PART_BOOT_B, PART_ROOT_A, PART_ROOT_B, PART_COUNT };

enum {
	MEDIUM_BLOCKS = MEDIUM_STATE_BLOCKS + 2 * MEDIUM_BOOT_BLOCKS + 2 * MEDIUM_ROOT_BLOCKS,
};

struct medium {
	uint32_t ids[MEDIUM_BLOCKS];
};

struct medium_span {
	unsigned first;
	unsigned count;
};

/* Where a partition's blocks stand in `ids`. */
struct medium_span medium_span(enum part part);

/* The number of a content; equal contents have equal numbers. 0 is the block of zeros. */
uint32_t medium_intern(const uint8_t bytes[static MEDIUM_BLOCK]);
const uint8_t *medium_bytes(uint32_t id);
/* `below` with those grains of `above` whose bit is set. */
uint32_t medium_mix(uint32_t below, uint32_t above, uint64_t mask);

/* How many different blocks there were so far. */
uint32_t medium_count(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Releases: four small signed releases and deltas between them, made by azbundle; and what a
 * disk must hold for each, worked out here from the images alone and docs/FORMATS.md. */

#include <glib.h>

#include "config.h"
#include "medium.h"

enum {
	RELEASE_COUNT = 4,    /* versions 1 to 4, with security versions of the same numbers */
	RELEASE_REVOKING = 4, /* it revokes all older ones */
	RELEASE_UKI_BLOCKS_MAX = 4,
	RELEASE_ROOT_BLOCKS = 14,
	RELEASE_PARITY_BLOCKS = 2, /* one round of two roots */
	RELEASE_HASH = 32,
};

struct release {
	int bundle;                   /* descriptor: the full payload */
	int delta[RELEASE_COUNT + 1]; /* against that version; -1: there is none */
	uint8_t *uki;
	size_t uki_size;
	unsigned uki_blocks;
	uint8_t root_hash[RELEASE_HASH];
	/* Numbers of the medium. */
	uint32_t root_data[RELEASE_ROOT_BLOCKS];
	uint32_t root_superblock;
	uint32_t root_tree;
	uint32_t root_parity[RELEASE_PARITY_BLOCKS];
	uint32_t uki_data[RELEASE_UKI_BLOCKS_MAX];
	uint32_t uki_superblock;
	uint32_t uki_tree;
};

/* Runs $AZBUNDLE; exits on failure. */
void releases_make(void);
void releases_remove(void);
const struct release *release_get(unsigned version);
/* The version with exactly these bytes as its UKI, 0 if none has. */
unsigned release_of_uki(const uint8_t *bytes, size_t size_bytes);
/* A folder for files of the machine, wiped by this. */
const char *releases_state_folder(void);
const struct config *releases_config(void);

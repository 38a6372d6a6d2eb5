/* SPDX-License-Identifier: MIT */
#pragma once
/* Frame indexes: how a payload's blocks are cut into frames, and how long each frame is.
 *
 * All frames but the last have the same number of blocks and stand one after another, so that an
 * entry is no more than a size and an encoding. Small frames let a device fetch little more than
 * what it lacks. An index is not trusted: a wrong one gives blocks that do not have their hash. */

#include <glib.h>
#include <stdint.h>

enum {
	FRAMEINDEX_BLOCKS_MAX = 256, /* of one frame: 1 MiB of an image */
	FRAMEINDEX_HEAD_SIZE = 4,
	FRAMEINDEX_ENTRY_SIZE = 4,
};

enum frame_encoding {
	FRAME_STORED,
	FRAME_ZSTD,
	FRAME_ZSTD_DICTIONARY, /* with the payload's dictionary */
	FRAME_ZERO,            /* zeros only; nothing is stored */
};

struct frame_entry {
	uint64_t index;
	uint64_t first_block;
	uint32_t block_count;
	enum frame_encoding encoding;
	uint64_t offset;      /* from the start of the frames section */
	uint32_t stored_size; /* less than the blocks have, but for FRAME_STORED: just as much */
};

struct frameindex;
typedef struct frameindex Frameindex; /* for g_autoptr() only */

/* Reads an index of an image of `data_blocks` blocks whose frames have `frames_size` bytes in all.
 * FAULT_BUNDLE_RANGE. Takes 4 bytes of memory per frame. */
struct frameindex *frameindex_decode(const uint8_t *bytes, size_t size_bytes, uint64_t data_blocks,
				     uint64_t frames_size, GError **error);
void frameindex_free(struct frameindex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frameindex, frameindex_free)

/* The bytes that an index of this geometry has. */
uint64_t frameindex_size(uint64_t data_blocks, uint32_t frame_blocks);

/* Steps to the next frame; begin with a zeroed entry whose block_count is 0. FALSE at the end. */
gboolean frameindex_next(const struct frameindex *index, struct frame_entry *entry);

/* Writing: the head, then an entry per frame. */
void frameindex_head_encode(uint32_t frame_blocks, uint8_t ret_bytes[static FRAMEINDEX_HEAD_SIZE]);
void frameindex_entry_encode(enum frame_encoding encoding, uint32_t stored_size,
			     uint8_t ret_bytes[static FRAMEINDEX_ENTRY_SIZE]);

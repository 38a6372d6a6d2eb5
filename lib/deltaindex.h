/* SPDX-License-Identifier: MIT */
#pragma once
/* Delta indexes: where each block of a new image comes from, given the image that a device has
 * (the base): nothing but zeros, a block of the base, or the output of a delta frame.
 *
 * An index is not trusted: all it can do is to give wrong blocks, which do not have their hash. */

#include <glib.h>
#include <stdint.h>

enum {
	DELTAINDEX_BLOCK_SIZE = 4096,
	DELTAINDEX_BLOCKS_MAX = 1 << 24,
	DELTAINDEX_UNPACKED_MAX = 16 << 20,
	DELTAINDEX_RUNS_MAX = 1 << 19,
	DELTAINDEX_OUTPUTS_MAX = 1 << 19, /* of all frames */
	DELTAINDEX_FRAMES_MAX = 1 << 16,
	DELTAINDEX_FRAME_BLOCKS_MAX = 2048,
	DELTAINDEX_FRAME_STORED_MAX = 9 << 20,
};

enum deltaindex_kind { DELTAINDEX_ZERO, DELTAINDEX_COPY, DELTAINDEX_MADE, DELTAINDEX_KIND_COUNT };

struct deltaindex_run {
	uint32_t first_block;
	uint32_t block_count; /* at least 1 */
	uint32_t from;        /* COPY: the first block in the base; else 0 */
	enum deltaindex_kind kind;
};

/* Blocks of the new image that a frame makes. */
struct deltaindex_output {
	uint32_t first_block;
	uint32_t block_count; /* at least 1 */
};

struct deltaindex_frame {
	uint64_t offset;      /* of the stored bytes, from the start of the section of frames */
	uint32_t stored_size; /* 1..DELTAINDEX_FRAME_STORED_MAX */
	uint32_t first_output;
	uint32_t output_count;
	uint32_t block_count; /* of all its outputs: 1..DELTAINDEX_FRAME_BLOCKS_MAX */
};

struct deltaindex {
	uint32_t new_blocks;
	uint32_t base_blocks;
	/* Of an image that a device has made before it makes this one; references may go on into it
	 * behind the base. The root image's is the new release's UKI. 0: none. */
	uint32_t companion_blocks;
	GArray *runs;    /* struct deltaindex_run: rising, covering each new block exactly once */
	GArray *frames;  /* struct deltaindex_frame, in the order of their offsets, without gaps */
	GArray *outputs; /* struct deltaindex_output: each MADE block once, and no other */
};
typedef struct deltaindex Deltaindex; /* for g_autoptr() only */

/* Empty, for whoever fills it. */
struct deltaindex *deltaindex_new(uint32_t new_blocks, uint32_t base_blocks);
void deltaindex_free(struct deltaindex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Deltaindex, deltaindex_free)

/* Checks all that the fields above promise; FAULT_DELTA_INDEX. Outputs of a frame are in the order
 * in which deltaframe_apply() gives its blocks. */
gboolean deltaindex_decode(const uint8_t *bytes, size_t size_bytes, struct deltaindex **ret_index,
			   GError **error);
/* The same in two steps: the numbers out of their pack (the caller frees), which another process
 * may do, and the index out of the numbers. */
GByteArray *deltaindex_unpack(const uint8_t *bytes, size_t size_bytes, GError **error);
gboolean deltaindex_parse(const uint8_t *numbers, size_t size_bytes, struct deltaindex **ret_index,
			  GError **error);
/* The caller frees. Frames' offsets are not stored: they follow from the sizes. */
GByteArray *deltaindex_encode(const struct deltaindex *index);

/* The size of the section of frames that the index speaks of. */
uint64_t deltaindex_frames_size(const struct deltaindex *index);

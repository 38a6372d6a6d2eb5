/* SPDX-License-Identifier: MIT */
#pragma once
/* Delta frames: up to 8 MiB of blocks of a new image, made from ranges of an image that the device
 * has (the base). The bytes are described in deltaframe.c and docs/FORMATS.md.
 *
 * A frame is not trusted: all it can do is to give wrong blocks, which do not have their hash. To
 * apply one takes at most DELTAFRAME_WORKING_MAX, the models of a mix (15 MiB) or the window of a
 * packer (8 MiB), the lists (4 MiB) and the caller's blocks; and time in proportion to these. Most
 * take far less: what need not be held is read where it is used, and made in its place. */

#include <glib.h>
#include <stdint.h>

enum {
	DELTAFRAME_REFERENCE_MAX = 24 << 20,
	DELTAFRAME_RAW_MAX = 16 << 20,
	DELTAFRAME_WORKING_MAX = 30 << 20, /* stored bytes, reference and raw stream together */
	DELTAFRAME_LISTS_MAX = 4 << 20,
	DELTAFRAME_CORRECTIONS_MAX = 2 << 20,
	DELTAFRAME_RECODED_MAX = 8 << 20, /* a compressed stream inside a base or a new image */
	DELTAFRAME_RECODED_COUNT_MAX = 1 << 13,
};

/* The image that is there. */
struct deltaframe_base {
	/* Exactly those bytes, which are inside; may fail. */
	gboolean (*read)(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			 GError **error);
	/* Told, if not NULL, what the frame is about to take beside its blocks; may wait. */
	void (*reserve)(void *user_data, size_t size_bytes);
	void *user_data;
	uint64_t size_bytes;
};

/* Makes exactly `size_bytes`, the frame's blocks in the order of its outputs in the index.
 * FAULT_DELTA_FRAME, or what the base's read() gave; `ret_blocks` is then of no use. */
gboolean deltaframe_apply(const uint8_t *stored, size_t stored_size,
			  const struct deltaframe_base *base, uint8_t *ret_blocks,
			  size_t size_bytes, GError **error);

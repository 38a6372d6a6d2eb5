/* SPDX-License-Identifier: MIT */
#pragma once
/* Frames: compression of runs of blocks, with zstd (RFC 8878). */

#include <stddef.h>
#include <stdint.h>

/* Decodes exactly `size_bytes`; NULL, or why it cannot. Needs no more memory than a window of
 * 8 MiB, whatever the frame says. */
const char *frame_decompress(const uint8_t *stored, size_t stored_size, uint8_t *ret_bytes,
			     size_t size_bytes);

/* Upper bound of what frame_compress() writes. */
size_t frame_bound(size_t size_bytes);

/* Returns the stored size. `level` is zstd's, 1..19. */
size_t frame_compress(const uint8_t *bytes, size_t size_bytes, int level, uint8_t *ret_stored,
		      size_t room);

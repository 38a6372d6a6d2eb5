/* SPDX-License-Identifier: MIT */
#pragma once
/* Frames: compression of runs of blocks, with zstd (RFC 8878). */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes exactly `size_bytes`; NULL, or why it cannot. Needs no more memory than a window of
 * 8 MiB, whatever the frame says. */
const char *frame_decompress(const uint8_t *stored, size_t stored_size, uint8_t *ret_bytes,
			     size_t size_bytes);

struct frame_reference {
	const uint8_t *bytes;
	size_t size_bytes;
};

/* Upper bound of what frame_compress() writes. */
size_t frame_bound(size_t size_bytes);

/* Returns the stored size. `level` is zstd's, 1..19. */
size_t frame_compress(const uint8_t *bytes, size_t size_bytes, int level, uint8_t *ret_stored,
		      size_t room);

/* The same, against a reference ("patch from"): `reference` is as if it stood in front of the
 * bytes. Both together may have no more than 128 MiB. The reader needs the reference and the
 * bytes in memory and next to nothing else. */
size_t frame_compress_from(const struct frame_reference *reference, const uint8_t *bytes,
			   size_t size_bytes, int level, uint8_t *ret_stored);
const char *frame_decompress_from(const struct frame_reference *reference, const uint8_t *stored,
				  size_t stored_size, uint8_t *ret_bytes, size_t size_bytes);

/* Reads a frame piece by piece; borrows the stored bytes. */
struct frame_reader;
struct frame_reader *frame_reader_new(const uint8_t *stored, size_t stored_size);
void frame_reader_free(struct frame_reader *reader);
/* Exactly that many bytes more; false where the frame is damaged or ends early. */
bool frame_reader_read(struct frame_reader *reader, uint8_t *ret_bytes, size_t size_bytes);

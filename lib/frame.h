/* SPDX-License-Identifier: MIT */
#pragma once
/* Frames: compression of runs of blocks, with zstd (RFC 8878). */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frameindex.h"

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

/* Frames of a payload, which may share a dictionary. The dictionary's bytes are copied. */
enum { FRAME_DICTIONARY_MAX = 1 << 20 };

struct frame_decoder;
typedef struct frame_decoder FrameDecoder;                   /* for g_autoptr() only */
struct frame_decoder *frame_decoder_new(GBytes *dictionary); /* NULL: none */
void frame_decoder_free(struct frame_decoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameDecoder, frame_decoder_free)

/* The entry's blocks, entry->block_count * 4096 bytes; NULL, or why they cannot be had. */
const char *frame_decode(struct frame_decoder *decoder, const struct frame_entry *entry,
			 const uint8_t *stored, uint8_t *ret_blocks);

struct frame_encoder;
typedef struct frame_encoder FrameEncoder;                              /* for g_autoptr() only */
struct frame_encoder *frame_encoder_new(int level, GBytes *dictionary); /* NULL: none */
void frame_encoder_free(struct frame_encoder *encoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameEncoder, frame_encoder_free)

/* Fills the entry's encoding and stored size; its block count is given. What is stored has at most
 * frame_bound() of the blocks' bytes. */
void frame_encode(struct frame_encoder *encoder, const uint8_t *blocks, struct frame_entry *entry,
		  uint8_t *ret_stored);

/* A dictionary out of `count` samples of `sample_size` bytes each, one after another; NULL if the
 * samples do not give one. */
GBytes *frame_dictionary_train(const uint8_t *samples, size_t sample_size, unsigned count);

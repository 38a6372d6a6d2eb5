/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <string.h>
#include <zdict.h>
#include <zstd.h>

#include "bytes.h"
#include "veritree.h"

/* A frame with a reference is decoded in one piece, so its window costs no memory of its own. */
enum { WINDOW_LOG_MAX = 23, REFERENCE_WINDOW_LOG = 27, DICTIONARY_SIZE = 110 * 1024 };

struct frame_reader {
	ZSTD_DCtx *context;
	ZSTD_inBuffer in;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_DCtx, ZSTD_freeDCtx)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_CCtx, ZSTD_freeCCtx)

size_t frame_bound(size_t size_bytes)
{
	return ZSTD_compressBound(size_bytes);
}

size_t frame_compress(const uint8_t *bytes, size_t size_bytes, int level, uint8_t *ret_stored,
		      size_t room)
{
	const size_t stored = ZSTD_compress(ret_stored, room, bytes, size_bytes, level);

	g_assert(!ZSTD_isError(stored)); /* with frame_bound() bytes of room it cannot fail */
	return stored;
}

size_t frame_compress_from(const struct frame_reference *reference, const uint8_t *bytes,
			   size_t size_bytes, int level, uint8_t *ret_stored)
{
	g_autoptr(ZSTD_CCtx) context = ZSTD_createCCtx();
	size_t stored;

	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, REFERENCE_WINDOW_LOG);
	ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1);
	ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_refPrefix(context, reference->bytes, reference->size_bytes);
	stored = ZSTD_compress2(context, ret_stored, frame_bound(size_bytes), bytes, size_bytes);
	g_assert(!ZSTD_isError(stored)); /* with frame_bound() bytes of room it cannot fail */
	return stored;
}

const char *frame_decompress_from(const struct frame_reference *reference, const uint8_t *stored,
				  size_t stored_size, uint8_t *ret_bytes, size_t size_bytes)
{
	g_autoptr(ZSTD_DCtx) context = ZSTD_createDCtx();
	size_t got;

	ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, REFERENCE_WINDOW_LOG);
	ZSTD_DCtx_refPrefix(context, reference->bytes, reference->size_bytes);
	got = ZSTD_decompressDCtx(context, ret_bytes, size_bytes, stored, stored_size);
	if (ZSTD_isError(got))
		return ZSTD_getErrorName(got);
	return got == size_bytes ? NULL : "it holds fewer bytes than it should";
}

struct frame_reader *frame_reader_new(const uint8_t *stored, size_t stored_size)
{
	struct frame_reader *reader = g_new0(struct frame_reader, 1);

	reader->context = ZSTD_createDCtx();
	ZSTD_DCtx_setParameter(reader->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	reader->in = (ZSTD_inBuffer){ stored, stored_size, 0 };
	return reader;
}

void frame_reader_free(struct frame_reader *reader)
{
	if (reader == NULL)
		return;
	ZSTD_freeDCtx(reader->context);
	g_free(reader);
}

bool frame_reader_read(struct frame_reader *reader, uint8_t *ret_bytes, size_t size_bytes)
{
	ZSTD_outBuffer out = { ret_bytes, size_bytes, 0 };

	while (out.pos < out.size) {
		const size_t before = out.pos + reader->in.pos;
		const size_t hint = ZSTD_decompressStream(reader->context, &out, &reader->in);

		if (ZSTD_isError(hint) || out.pos + reader->in.pos == before)
			return false;
	}
	return true;
}

struct frame_decoder {
	ZSTD_DCtx *context;
	ZSTD_DDict *dictionary; /* or NULL */
};

struct frame_decoder *frame_decoder_new(GBytes *dictionary)
{
	struct frame_decoder *decoder = g_new0(struct frame_decoder, 1);

	decoder->context = ZSTD_createDCtx();
	ZSTD_DCtx_setParameter(decoder->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	if (dictionary != NULL)
		decoder->dictionary = ZSTD_createDDict(g_bytes_get_data(dictionary, NULL),
						       g_bytes_get_size(dictionary));
	return decoder;
}

void frame_decoder_free(struct frame_decoder *decoder)
{
	if (decoder == NULL)
		return;
	ZSTD_freeDCtx(decoder->context);
	ZSTD_freeDDict(decoder->dictionary);
	g_free(decoder);
}

static const char *zstd_decode(struct frame_decoder *decoder, const ZSTD_DDict *dictionary,
			       const struct frame_entry *entry, const uint8_t *stored,
			       uint8_t *ret_blocks)
{
	const size_t size_bytes = (size_t)entry->block_count * VERITREE_BLOCK_SIZE;
	const size_t got = ZSTD_decompress_usingDDict(decoder->context, ret_blocks, size_bytes,
						      stored, entry->stored_size, dictionary);

	if (ZSTD_isError(got))
		return ZSTD_getErrorName(got);
	return got == size_bytes ? NULL : "it holds fewer blocks than it should";
}

const char *frame_decode(struct frame_decoder *decoder, const struct frame_entry *entry,
			 const uint8_t *stored, uint8_t *ret_blocks)
{
	const size_t size_bytes = (size_t)entry->block_count * VERITREE_BLOCK_SIZE;

	switch (entry->encoding) {
	case FRAME_STORED:
		memcpy(ret_blocks, stored, size_bytes);
		return NULL;
	case FRAME_ZSTD:
		return zstd_decode(decoder, NULL, entry, stored, ret_blocks);
	case FRAME_ZSTD_DICTIONARY:
		return decoder->dictionary == NULL ? "the bundle lacks its dictionary"
						   : zstd_decode(decoder, decoder->dictionary,
								 entry, stored, ret_blocks);
	case FRAME_ZERO:
		memset(ret_blocks, 0, size_bytes);
		return NULL;
	}
	return "it has an unknown encoding";
}

struct frame_encoder {
	ZSTD_CCtx *context;
	ZSTD_CDict *dictionary; /* or NULL */
	int level;
};

struct frame_encoder *frame_encoder_new(int level, GBytes *dictionary)
{
	struct frame_encoder *encoder = g_new0(struct frame_encoder, 1);

	encoder->context = ZSTD_createCCtx();
	encoder->level = level;
	if (dictionary != NULL)
		encoder->dictionary = ZSTD_createCDict(g_bytes_get_data(dictionary, NULL),
						       g_bytes_get_size(dictionary), level);
	return encoder;
}

void frame_encoder_free(struct frame_encoder *encoder)
{
	if (encoder == NULL)
		return;
	ZSTD_freeCCtx(encoder->context);
	ZSTD_freeCDict(encoder->dictionary);
	g_free(encoder);
}

void frame_encode(struct frame_encoder *encoder, const uint8_t *blocks, struct frame_entry *entry,
		  uint8_t *ret_stored)
{
	const size_t size = (size_t)entry->block_count * VERITREE_BLOCK_SIZE;
	size_t stored;

	entry->encoding = FRAME_ZERO;
	entry->stored_size = 0;
	if (bytes_are_zero(blocks, size))
		return;
	if (encoder->level == 0) {
		entry->encoding = FRAME_STORED;
		entry->stored_size = (uint32_t)size;
		memcpy(ret_stored, blocks, size);
		return;
	}
	entry->encoding = encoder->dictionary != NULL ? FRAME_ZSTD_DICTIONARY : FRAME_ZSTD;
	stored = encoder->dictionary != NULL
			 ? ZSTD_compress_usingCDict(encoder->context, ret_stored, frame_bound(size),
						    blocks, size, encoder->dictionary)
			 : ZSTD_compressCCtx(encoder->context, ret_stored, frame_bound(size),
					     blocks, size, encoder->level);
	g_assert(!ZSTD_isError(stored)); /* with frame_bound() bytes of room it cannot fail */
	entry->stored_size = (uint32_t)stored;
	if (stored < size)
		return;
	entry->encoding = FRAME_STORED;
	entry->stored_size = (uint32_t)size;
	memcpy(ret_stored, blocks, size);
}

GBytes *frame_dictionary_train(const uint8_t *samples, size_t sample_size, unsigned count)
{
	g_autofree size_t *sizes = g_new(size_t, count);
	g_autofree uint8_t *bytes = g_malloc(DICTIONARY_SIZE);
	size_t got;

	for (unsigned i = 0; i < count; i++)
		sizes[i] = sample_size;
	got = ZDICT_trainFromBuffer(bytes, DICTIONARY_SIZE, samples, sizes, count);
	if (ZDICT_isError(got))
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&bytes), got);
}

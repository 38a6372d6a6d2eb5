/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <zstd.h>

/* A frame with a reference is decoded in one piece, so its window costs no memory of its own. */
enum { WINDOW_LOG_MAX = 23, REFERENCE_WINDOW_LOG = 27 };

struct frame_reader {
	ZSTD_DCtx *context;
	ZSTD_inBuffer in;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_DCtx, ZSTD_freeDCtx)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_CCtx, ZSTD_freeCCtx)

const char *frame_decompress(const uint8_t *stored, size_t stored_size, uint8_t *ret_bytes,
			     size_t size_bytes)
{
	g_autoptr(ZSTD_DCtx) context = ZSTD_createDCtx();
	size_t got;

	ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	got = ZSTD_decompressDCtx(context, ret_bytes, size_bytes, stored, stored_size);
	if (ZSTD_isError(got))
		return ZSTD_getErrorName(got);
	return got == size_bytes ? NULL : "it holds fewer blocks than it should";
}

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

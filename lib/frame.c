/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <glib.h>
#include <zstd.h>

enum { WINDOW_LOG_MAX = 23 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_DCtx, ZSTD_freeDCtx)

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

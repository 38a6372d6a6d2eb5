/* SPDX-License-Identifier: MIT */
#include "patchsize.h"

#include <zstd.h>

enum {
	LEVEL = 9,
	PIECE = 1 << 26,
	AROUND = 1 << 25, /* of the old bytes, on each side */
	WINDOW_LOG_MAX = 27,
	TABLE_LOG_MAX = 26,
	LONG = 1 << 20,
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_CCtx, ZSTD_freeCCtx)

static int window_log(gsize size_bytes)
{
	int log = 10;

	while (log < WINDOW_LOG_MAX && ((gsize)1 << log) < size_bytes)
		log++;
	return log;
}

static uint64_t piece_size(ZSTD_CCtx *context, GBytes *content, GBytes *old)
{
	gsize size_bytes;
	gsize old_size;
	const void *bytes = g_bytes_get_data(content, &size_bytes);
	const void *old_bytes = g_bytes_get_data(old, &old_size);
	const int log = window_log(size_bytes + old_size);
	const gsize room = ZSTD_compressBound(size_bytes);
	g_autofree void *packed = g_malloc(room);
	gsize size;

	ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log);
	/* The level's own tables would forget most of a long reference. */
	ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, MIN(log, TABLE_LOG_MAX));
	ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, MIN(log, TABLE_LOG_MAX));
	ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, old_size > LONG ? 1 : 0);
	if (old_size > 0)
		ZSTD_CCtx_refPrefix(context, old_bytes, old_size);
	size = ZSTD_compress2(context, packed, room, bytes, size_bytes);
	g_assert(!ZSTD_isError(size)); /* there is room, and the parameters are ours */
	return size;
}

static GBytes *around(GBytes *old, gsize at)
{
	const gsize old_size = old != NULL ? g_bytes_get_size(old) : 0;
	const gsize start = MIN(at > AROUND ? at - AROUND : 0, old_size);
	const gsize end = MIN(at + PIECE + AROUND, old_size);

	return old_size == 0 ? g_bytes_new_static("", 0)
			     : g_bytes_new_from_bytes(old, start, end - start);
}

uint64_t patchsize(GBytes *content, GBytes *old)
{
	g_autoptr(ZSTD_CCtx) context = ZSTD_createCCtx();
	const gsize size_bytes = g_bytes_get_size(content);
	uint64_t total = 0;

	for (gsize at = 0; at < size_bytes; at += PIECE) {
		g_autoptr(GBytes)
			piece = g_bytes_new_from_bytes(content, at, MIN(PIECE, size_bytes - at));
		g_autoptr(GBytes) reference = around(old, at);

		total += piece_size(context, piece, reference);
	}
	return total;
}

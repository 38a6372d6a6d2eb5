/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <string.h>

#include "frame.h"
#include "lzmapack.h"

enum {
	ZSTD_LEVEL = 19,
	ZSTD_TRY_MAX = 1 << 16,
	LARGE_MIN = 1 << 20,
	LZMA_BYTES_PER_MS = 10000, /* packed ones, that a device unpacks, more or less */
};

/* Tables of numbers, plain bytes, and differences of machine code want different models. */
static const struct lzmapack_model MODELS[] = {
	{ 3, 0, 0 }, { 0, 0, 0 }, { 0, 0, 2 }, { 4, 0, 0 }
};

struct pack_reader {
	struct pack_stream stream;
	size_t position; /* of a stored stream */
	struct frame_reader *frame;
	struct lzmapack_reader *lzma;
};

/* What the smallest so far is. */
struct pack_best {
	GByteArray *packed; /* NULL: stored */
	enum pack_kind kind;
	uint8_t model;
	size_t size_bytes;
};

static void best_offer(struct pack_best *best, GByteArray *packed, enum pack_kind kind,
		       uint8_t model)
{
	if (packed != NULL && packed->len < best->size_bytes) {
		g_clear_pointer(&best->packed, g_byte_array_unref);
		*best = (struct pack_best){ packed, kind, model, packed->len };
		return;
	}
	g_clear_pointer(&packed, g_byte_array_unref);
}

static GByteArray *zstd_pack(const uint8_t *bytes, size_t size_bytes)
{
	GByteArray *packed = g_byte_array_new();

	g_byte_array_set_size(packed, (guint)frame_bound(size_bytes));
	g_byte_array_set_size(packed, (guint)frame_compress(bytes, size_bytes, ZSTD_LEVEL,
							    packed->data, packed->len));
	return packed;
}

static struct pack_best best_find(const uint8_t *bytes, size_t size_bytes)
{
	struct pack_best best = { NULL, PACK_STORED, 0, size_bytes };

	if (size_bytes <= ZSTD_TRY_MAX)
		best_offer(&best, zstd_pack(bytes, size_bytes), PACK_ZSTD, 0);
	/* What the first model cannot pack is noise for the others too. Of large streams two models
	 * are tried, since it takes long. */
	for (unsigned i = 0; i < G_N_ELEMENTS(MODELS); i++) {
		if (size_bytes >= LARGE_MIN && (i > 1 || (i > 0 && best.packed == NULL)))
			break;
		best_offer(&best, lzmapack_encode(bytes, size_bytes, MODELS[i], best.size_bytes),
			   PACK_LZMA, lzmapack_model_encode(MODELS[i]));
	}
	return best;
}

static void best_append(GByteArray *to, struct pack_best *best, const uint8_t *bytes)
{
	const uint8_t head = (uint8_t)best->kind;

	g_byte_array_append(to, &head, 1);
	varint_append(to, best->size_bytes);
	if (best->kind == PACK_LZMA)
		g_byte_array_append(to, &best->model, 1);
	g_byte_array_append(to, best->packed != NULL ? best->packed->data : bytes,
			    (guint)best->size_bytes);
	g_clear_pointer(&best->packed, g_byte_array_unref);
}

void pack_append(GByteArray *to, const uint8_t *bytes, size_t size_bytes)
{
	struct pack_best best;

	varint_append(to, size_bytes);
	if (size_bytes == 0)
		return;
	best = best_find(bytes, size_bytes);
	best_append(to, &best, bytes);
}

/* Whether to fetch what LZMA saves takes longer than to unpack it; to unpack the others takes next
 * to nothing. */
static gboolean lzma_pays(const struct pack_best *lzma, const struct pack_best *other,
			  uint32_t line_kb)
{
	const uint64_t saved = other->size_bytes - lzma->size_bytes;

	return (uint64_t)lzma->size_bytes * line_kb <= saved * LZMA_BYTES_PER_MS;
}

void pack_append_line(GByteArray *to, const uint8_t *bytes, size_t size_bytes, uint32_t line_kb)
{
	struct pack_best other = { NULL, PACK_STORED, 0, size_bytes };
	struct pack_best best;

	varint_append(to, size_bytes);
	if (size_bytes == 0)
		return;
	best = best_find(bytes, size_bytes);
	if (best.kind == PACK_LZMA)
		best_offer(&other, zstd_pack(bytes, size_bytes), PACK_ZSTD, 0);
	if (best.kind != PACK_LZMA || lzma_pays(&best, &other, line_kb)) {
		g_clear_pointer(&other.packed, g_byte_array_unref);
		best_append(to, &best, bytes);
		return;
	}
	g_clear_pointer(&best.packed, g_byte_array_unref);
	best_append(to, &other, bytes);
}

static uint8_t byte_take(struct varint_reader *reader)
{
	if (reader->position < reader->size_bytes)
		return reader->bytes[reader->position++];
	reader->failed = TRUE;
	return 0;
}

gboolean pack_take(struct varint_reader *reader, size_t size_max, struct pack_stream *ret_stream)
{
	struct pack_stream stream = { .size_bytes = varint_read_limited(reader, size_max) };
	uint8_t kind;

	if (stream.size_bytes > 0) {
		kind = byte_take(reader);
		reader->failed = reader->failed || kind >= PACK_KIND_COUNT;
		stream.kind = (enum pack_kind)kind;
		stream.stored_size = varint_read(reader);
		stream.model = kind == PACK_LZMA ? byte_take(reader) : 0;
		stream.bytes = reader->bytes + reader->position;
	}
	if (reader->failed || stream.stored_size > reader->size_bytes - reader->position) {
		reader->failed = TRUE;
		return FALSE;
	}
	reader->position += stream.stored_size;
	*ret_stream = stream;
	return TRUE;
}

struct pack_reader *pack_reader_new(const struct pack_stream *stream)
{
	g_autoptr(PackReader) reader = g_new0(struct pack_reader, 1);

	reader->stream = *stream;
	if (stream->size_bytes == 0)
		return g_steal_pointer(&reader);
	switch (stream->kind) {
	case PACK_STORED:
		return stream->stored_size == stream->size_bytes ? g_steal_pointer(&reader) : NULL;
	case PACK_ZSTD:
		reader->frame = frame_reader_new(stream->bytes, stream->stored_size);
		return g_steal_pointer(&reader);
	case PACK_LZMA:
		reader->lzma = lzmapack_reader_new(stream->bytes, stream->stored_size,
						   stream->model, stream->size_bytes);
		return reader->lzma != NULL ? g_steal_pointer(&reader) : NULL;
	case PACK_KIND_COUNT:
		break;
	}
	return NULL;
}

void pack_reader_free(struct pack_reader *reader)
{
	if (reader == NULL)
		return;
	frame_reader_free(reader->frame);
	lzmapack_reader_free(reader->lzma);
	g_free(reader);
}

gboolean pack_reader_read(struct pack_reader *reader, uint8_t *ret_bytes, size_t size_bytes)
{
	if (size_bytes == 0)
		return TRUE;
	if (size_bytes > reader->stream.size_bytes - reader->position)
		return FALSE;
	if (reader->lzma != NULL && !lzmapack_reader_read(reader->lzma, ret_bytes, size_bytes))
		return FALSE;
	if (reader->frame != NULL && !frame_reader_read(reader->frame, ret_bytes, size_bytes))
		return FALSE;
	if (reader->lzma == NULL && reader->frame == NULL)
		memcpy(ret_bytes, reader->stream.bytes + reader->position, size_bytes);
	reader->position += size_bytes;
	return TRUE;
}

GByteArray *pack_unpack(const struct pack_stream *stream)
{
	g_autoptr(PackReader) reader = pack_reader_new(stream);
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	if (reader == NULL)
		return NULL;
	g_byte_array_set_size(bytes, (guint)stream->size_bytes);
	if (!pack_reader_read(reader, bytes->data, stream->size_bytes))
		return NULL;
	return g_steal_pointer(&bytes);
}

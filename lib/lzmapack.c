/* SPDX-License-Identifier: MIT */
#include "lzmapack.h"

#include <lzma.h>

#include "largemem.h"

enum { LC_COUNT = 9, LP_COUNT = 5, PB_COUNT = 5, DICTIONARY_MIN = 4096, XZ_OVERHEAD = 1 << 20 };

struct lzmapack_reader {
	lzma_stream stream;
};

static uint32_t dictionary_size(size_t size_bytes)
{
	return (uint32_t)CLAMP(size_bytes, DICTIONARY_MIN, LZMAPACK_DICTIONARY_MAX);
}

uint8_t lzmapack_model_encode(struct lzmapack_model model)
{
	return (uint8_t)((model.pb * LP_COUNT + model.lp) * LC_COUNT + model.lc);
}

GByteArray *lzmapack_encode(const uint8_t *bytes, size_t size_bytes, struct lzmapack_model model,
			    size_t size_max)
{
	lzma_options_lzma options;
	const lzma_filter filters[] = { { LZMA_FILTER_LZMA1, &options },
					{ LZMA_VLI_UNKNOWN, NULL } };
	GByteArray *packed = g_byte_array_new();
	size_t position = 0;

	g_assert(!lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME));
	options.dict_size = dictionary_size(size_bytes);
	options.lc = model.lc;
	options.lp = model.lp;
	options.pb = model.pb;
	g_byte_array_set_size(packed, (guint)size_max);
	if (lzma_raw_buffer_encode(filters, NULL, bytes, size_bytes, packed->data, &position,
				   size_max) != LZMA_OK) {
		g_byte_array_unref(packed);
		return NULL;
	}
	g_byte_array_set_size(packed, (guint)position);
	return packed;
}

static void *memory_new(void *user_data, size_t count, size_t size_bytes)
{
	(void)user_data;                         /* there is none */
	return largemem_new(count * size_bytes); /* liblzma has checked that */
}

static void memory_free(void *user_data, void *memory)
{
	(void)user_data; /* there is none */
	largemem_free(memory);
}

struct lzmapack_reader *lzmapack_reader_new(const uint8_t *packed, size_t packed_size,
					    uint8_t model, size_t size_bytes)
{
	static const lzma_allocator ALLOCATOR = { memory_new, memory_free, NULL };
	lzma_options_lzma options = {
		.dict_size = dictionary_size(size_bytes),
		.lc = model % LC_COUNT,
		.lp = model / LC_COUNT % LP_COUNT,
		.pb = model / LC_COUNT / LP_COUNT,
	};
	const lzma_filter filters[] = { { LZMA_FILTER_LZMA1, &options },
					{ LZMA_VLI_UNKNOWN, NULL } };
	struct lzmapack_reader *reader;

	if (options.pb >= PB_COUNT || options.lc + options.lp > LZMA_LCLP_MAX)
		return NULL;
	reader = g_new0(struct lzmapack_reader, 1);
	reader->stream = (lzma_stream)LZMA_STREAM_INIT;
	reader->stream.allocator = &ALLOCATOR;
	if (lzma_raw_decoder(&reader->stream, filters) != LZMA_OK) {
		lzmapack_reader_free(reader);
		return NULL;
	}
	reader->stream.next_in = packed;
	reader->stream.avail_in = packed_size;
	return reader;
}

void lzmapack_reader_free(struct lzmapack_reader *reader)
{
	if (reader == NULL)
		return;
	lzma_end(&reader->stream);
	g_free(reader);
}

gboolean lzmapack_reader_read(struct lzmapack_reader *reader, uint8_t *ret_bytes, size_t size_bytes)
{
	reader->stream.next_out = ret_bytes;
	reader->stream.avail_out = size_bytes;
	while (reader->stream.avail_out > 0)
		if (lzma_code(&reader->stream, LZMA_RUN) != LZMA_OK)
			break;
	return reader->stream.avail_out == 0;
}

gboolean lzmapack_xz_unpack(const struct lzmapack_bytes *packed, uint8_t *ret_bytes,
			    size_t size_max, size_t *ret_size)
{
	uint64_t memory_max = LZMAPACK_XZ_DICTIONARY_MAX + XZ_OVERHEAD;
	size_t in_at = 0, out_at = 0;

	if (lzma_stream_buffer_decode(&memory_max, 0, NULL, packed->bytes, &in_at,
				      packed->size_bytes, ret_bytes, &out_at,
				      size_max) != LZMA_OK ||
	    in_at != packed->size_bytes)
		return FALSE;
	*ret_size = out_at;
	return TRUE;
}

/* SPDX-License-Identifier: MIT */
#include "recode_lz4.h"

#include <lz4hc.h>
#include <string.h>

enum {
	LEVEL_FAST = 1, /* below LEVEL_HC, it is the fast compressor */
	LEVEL_HC = 3,
	PROBE_SIZE = 1 << 18, /* content by which a level is judged before all of it is tried */
	STORED_SIZE_MAX = RECODE_LZ4_BLOCK_SIZE + RECODE_LZ4_BLOCK_SIZE / 255 + 16,
};

/* Returns the stored size, 0 if there is too little room. */
static size_t block_compress(const uint8_t *raw, size_t raw_size, unsigned level,
			     uint8_t *ret_bytes, size_t room)
{
	const char *from = (const char *)raw;
	const int stored = level < LEVEL_HC ? LZ4_compress_default(from, (char *)ret_bytes,
								   (int)raw_size, (int)room)
					    : LZ4_compress_HC(from, (char *)ret_bytes,
							      (int)raw_size, (int)room, (int)level);

	return stored < 0 ? 0 : (size_t)stored;
}

gboolean recode_lz4_unpack(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw)
{
	/* A byte of a stream stands for 255 of content at most. */
	const size_t room = MIN(255 * size_bytes + 64, RECODE_LZ4_BLOCK_SIZE);
	int raw_size;

	g_byte_array_set_size(ret_raw, 0);
	if (size_bytes == 0 || size_bytes > STORED_SIZE_MAX)
		return FALSE;
	g_byte_array_set_size(ret_raw, (guint)room);
	raw_size = LZ4_decompress_safe((const char *)bytes, (char *)ret_raw->data, (int)size_bytes,
				       (int)room);
	g_byte_array_set_size(ret_raw, raw_size > 0 ? (guint)raw_size : 0);
	return raw_size > 0;
}

/* Whether the level begins as the stream does. The last tokens of the probe see its end. */
static gboolean level_is_likely(const GByteArray *raw, const uint8_t *bytes, size_t size_bytes,
				unsigned level)
{
	const size_t probe_size = MIN(raw->len, PROBE_SIZE);
	const size_t room = (size_t)LZ4_compressBound((int)probe_size);
	g_autofree uint8_t *made = g_malloc(room);
	const size_t made_size = block_compress(raw->data, probe_size, level, made, room);

	return memcmp(made, bytes, MIN(made_size, size_bytes) / 2) == 0;
}

static gboolean level_is_right(const GByteArray *raw, const uint8_t *bytes, size_t size_bytes,
			       unsigned level)
{
	const uint8_t correction = (uint8_t)level;
	const struct recode_raw source = { raw->data, raw->len, &correction, 1 };
	g_autofree uint8_t *made = g_malloc(size_bytes);

	return recode_lz4_join(&source, made, size_bytes) == NULL &&
	       memcmp(made, bytes, size_bytes) == 0;
}

gboolean recode_lz4_split(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw,
			  GByteArray *ret_corrections)
{
	static const uint8_t LEVELS[] = { 9, 12, 11, 10, LEVEL_FAST, 3, 4, 5, 6, 7, 8 };

	g_byte_array_set_size(ret_corrections, 0);
	if (!recode_lz4_unpack(bytes, size_bytes, ret_raw))
		return FALSE;
	for (unsigned i = 0; i < G_N_ELEMENTS(LEVELS); i++) {
		if (!level_is_likely(ret_raw, bytes, size_bytes, LEVELS[i]) ||
		    !level_is_right(ret_raw, bytes, size_bytes, LEVELS[i]))
			continue;
		g_byte_array_append(ret_corrections, &LEVELS[i], 1);
		return TRUE;
	}
	return FALSE;
}

const char *recode_lz4_expand(const uint8_t *bytes, size_t size_bytes, uint8_t *ret_raw,
			      size_t raw_size)
{
	if (raw_size > RECODE_LZ4_BLOCK_SIZE || size_bytes > STORED_SIZE_MAX)
		return "the LZ4 block is larger than it may be";
	if (LZ4_decompress_safe((const char *)bytes, (char *)ret_raw, (int)size_bytes,
				(int)raw_size) != (int)raw_size)
		return "the LZ4 block is damaged, or not of the expected size";
	return NULL;
}

const char *recode_lz4_join(const struct recode_raw *raw, uint8_t *ret_bytes, size_t size_bytes)
{
	unsigned level;
	size_t stored;

	if (raw->size_bytes > RECODE_LZ4_BLOCK_SIZE || size_bytes > STORED_SIZE_MAX)
		return "the LZ4 block is larger than it may be";
	if (raw->corrections_size != 1)
		return "the corrections of an LZ4 block are damaged";
	level = raw->corrections[0];
	if (level > LZ4HC_CLEVEL_MAX)
		return "the corrections of an LZ4 block are damaged";
	stored = block_compress(raw->bytes, raw->size_bytes, level, ret_bytes, size_bytes);
	return stored > 0 && stored == size_bytes ? NULL
						  : "the LZ4 block has another size than expected";
}

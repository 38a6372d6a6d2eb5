/* SPDX-License-Identifier: MIT */
/* Frame index. Little-endian.
 *
 * offset  size  field
 *      0     4  blocks of a frame, 1 .. 256; the last frame may have fewer
 *      4     4  per frame: encoding in the upper 2 bits, stored size in the lower 30 */
#include "frameindex.h"

#include "bytes.h"
#include "failure.h"
#include "veritree.h"

enum { SIZE_BITS = 30 };

struct frameindex {
	uint64_t data_blocks;
	uint64_t count;
	uint32_t frame_blocks;
	uint32_t entries[];
};

static uint64_t frame_count(uint64_t data_blocks, uint32_t frame_blocks)
{
	return (data_blocks + frame_blocks - 1) / frame_blocks;
}

uint64_t frameindex_size(uint64_t data_blocks, uint32_t frame_blocks)
{
	return FRAMEINDEX_HEAD_SIZE +
	       frame_count(data_blocks, frame_blocks) * FRAMEINDEX_ENTRY_SIZE;
}

static uint32_t entry_size(uint32_t entry)
{
	return entry & ((UINT32_C(1) << SIZE_BITS) - 1);
}

static enum frame_encoding entry_encoding(uint32_t entry)
{
	return (enum frame_encoding)(entry >> SIZE_BITS);
}

static gboolean entry_is_valid(uint32_t entry, uint32_t block_count)
{
	const uint32_t size_bytes = entry_size(entry);

	switch (entry_encoding(entry)) {
	case FRAME_STORED:
		return size_bytes == block_count * VERITREE_BLOCK_SIZE;
	case FRAME_ZSTD:
	case FRAME_ZSTD_DICTIONARY:
		return size_bytes > 0 && size_bytes < block_count * VERITREE_BLOCK_SIZE;
	case FRAME_ZERO:
		return size_bytes == 0;
	}
	return FALSE;
}

static uint32_t blocks_of(const struct frameindex *index, uint64_t at)
{
	return (uint32_t)MIN(index->frame_blocks, index->data_blocks - at * index->frame_blocks);
}

gboolean frameindex_next(const struct frameindex *index, struct frame_entry *entry)
{
	const uint64_t at = entry->block_count == 0 ? 0 : entry->index + 1;

	if (at >= index->count)
		return FALSE;
	entry->offset += entry->block_count == 0 ? 0 : entry->stored_size;
	entry->index = at;
	entry->first_block = at * index->frame_blocks;
	entry->block_count = blocks_of(index, at);
	entry->encoding = entry_encoding(index->entries[at]);
	entry->stored_size = entry_size(index->entries[at]);
	return TRUE;
}

static gboolean entries_decode(struct frameindex *index, const uint8_t *bytes, uint64_t frames_size)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < index->count; i++) {
		index->entries[i] = bytes_load_u32(bytes + i * FRAMEINDEX_ENTRY_SIZE);
		if (!entry_is_valid(index->entries[i], blocks_of(index, i)))
			return FALSE;
		sum += entry_size(index->entries[i]);
	}
	return sum == frames_size;
}

struct frameindex *frameindex_decode(const uint8_t *bytes, size_t size_bytes, uint64_t data_blocks,
				     uint64_t frames_size, GError **error)
{
	const uint32_t frame_blocks = size_bytes >= FRAMEINDEX_HEAD_SIZE ? bytes_load_u32(bytes)
									 : 0;
	g_autoptr(Frameindex) index = NULL;

	if (data_blocks == 0 || data_blocks > VERITREE_DATA_BLOCKS_MAX || frame_blocks == 0 ||
	    frame_blocks > FRAMEINDEX_BLOCKS_MAX ||
	    size_bytes != frameindex_size(data_blocks, frame_blocks)) {
		failure_set(error, FAULT_BUNDLE_RANGE,
			    "a frame index of %zu bytes with frames of %u blocks does not fit an "
			    "image of %" G_GUINT64_FORMAT " blocks",
			    size_bytes, frame_blocks, data_blocks);
		return NULL;
	}
	index = g_malloc(sizeof *index + size_bytes - FRAMEINDEX_HEAD_SIZE);
	index->data_blocks = data_blocks;
	index->frame_blocks = frame_blocks;
	index->count = frame_count(data_blocks, frame_blocks);
	if (!entries_decode(index, bytes + FRAMEINDEX_HEAD_SIZE, frames_size)) {
		failure_set(error, FAULT_BUNDLE_RANGE,
			    "a frame of the bundle has a size that cannot be");
		return NULL;
	}
	return g_steal_pointer(&index);
}

void frameindex_free(struct frameindex *index)
{
	g_free(index);
}

void frameindex_head_encode(uint32_t frame_blocks, uint8_t ret_bytes[static FRAMEINDEX_HEAD_SIZE])
{
	bytes_store_u32(ret_bytes, frame_blocks);
}

void frameindex_entry_encode(enum frame_encoding encoding, uint32_t stored_size,
			     uint8_t ret_bytes[static FRAMEINDEX_ENTRY_SIZE])
{
	bytes_store_u32(ret_bytes, (uint32_t)encoding << SIZE_BITS | stored_size);
}

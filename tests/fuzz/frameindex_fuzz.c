/* SPDX-License-Identifier: MIT */
/* Frame indexes (what a bundle says of a payload's frames), behind eight bytes: blocks of the
 * image, and the size of its frames. What is taken covers the image and the frames without a
 * gap, and is written again as the same bytes. */
#include "frameindex.h"

#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "veritree.h"

enum { HEAD = 8 };

static void entry_check(const struct frame_entry *entry, const struct frame_entry *before)
{
	const uint64_t size_bytes = (uint64_t)entry->block_count * VERITREE_BLOCK_SIZE;

	promise(entry->first_block == before->first_block + before->block_count);
	promise(entry->offset == before->offset + before->stored_size);
	promise(entry->block_count > 0 && entry->block_count <= FRAMEINDEX_BLOCKS_MAX);
	switch (entry->encoding) {
	case FRAME_STORED:
		promise(entry->stored_size == size_bytes);
		break;
	case FRAME_ZSTD:
	case FRAME_ZSTD_DICTIONARY:
		promise(entry->stored_size > 0 && entry->stored_size < size_bytes);
		break;
	case FRAME_ZERO:
		promise(entry->stored_size == 0);
		break;
	default:
		fuzz_broken("an unknown encoding", __FILE__, __LINE__);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	const uint64_t blocks = size_bytes >= HEAD ? bytes_load_u32(bytes) : 0;
	const uint64_t frames_size = size_bytes >= HEAD ? bytes_load_u32(bytes + 4) : 0;
	g_autoptr(Frameindex) index = NULL;
	struct frame_entry entry = { .block_count = 0 };
	struct frame_entry before = { .block_count = 0 };

	if (size_bytes < HEAD)
		return 0;
	bytes += HEAD;
	index = frameindex_decode(bytes, size_bytes - HEAD, blocks, frames_size, NULL);
	if (index == NULL)
		return 0;
	promise(frameindex_size(blocks, bytes_load_u32(bytes)) == size_bytes - HEAD);
	for (; frameindex_next(index, &entry); before = entry) {
		uint8_t again[FRAMEINDEX_ENTRY_SIZE];

		entry_check(&entry, &before);
		frameindex_entry_encode(entry.encoding, entry.stored_size, again);
		promise(memcmp(again, bytes + FRAMEINDEX_HEAD_SIZE + entry.index * sizeof again,
			       sizeof again) == 0);
	}
	promise(before.first_block + before.block_count == blocks);
	promise(before.offset + before.stored_size == frames_size);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const uint32_t STORED[] = { 100, 2 * VERITREE_BLOCK_SIZE, 0, 7 };
	static const enum frame_encoding ENCODINGS[] = { FRAME_ZSTD, FRAME_STORED, FRAME_ZERO,
							 FRAME_ZSTD_DICTIONARY };
	uint32_t sum = 0;

	if (number > 0 || room < 64)
		return 0;
	frameindex_head_encode(2, ret_bytes + HEAD);
	for (unsigned i = 0; i < G_N_ELEMENTS(STORED); i++) {
		frameindex_entry_encode(ENCODINGS[i], STORED[i],
					ret_bytes + HEAD + FRAMEINDEX_HEAD_SIZE + 4 * i);
		sum += STORED[i];
	}
	bytes_store_u32(ret_bytes, 7);
	bytes_store_u32(ret_bytes + 4, sum);
	return HEAD + FRAMEINDEX_HEAD_SIZE + 4 * G_N_ELEMENTS(STORED);
}

/* SPDX-License-Identifier: MIT */
/* Store indexes: what is taken keeps its limits, each block is found in the piece that has it, and
 * is encoded again to the same bytes. The checksum is put right first, or nothing would come
 * through; as they are, the bytes are tried, too. */
#include "storeindex.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "fuzz.h"
#include "storecut.h"
#include "veritree.h"

enum { OFFSET_CRC = 8, OFFSET_CHECKED = 12, LOOKED_MAX = 64 };

#define PIECE(pieces, i) g_array_index((pieces), struct storeindex_piece, (i))

/* By looking at all: the rule restated. */
static const struct storeindex_piece *piece_find(const GArray *pieces, uint64_t block)
{
	const struct storeindex_piece *found = NULL;

	for (guint i = 0; i < pieces->len; i++)
		if (PIECE(pieces, i).first <= block)
			found = &PIECE(pieces, i);
	return found;
}

static void pieces_check(const GArray *pieces, uint64_t blocks, uint32_t most)
{
	uint64_t end = 0;

	for (guint i = 0; i < pieces->len; i++) {
		const struct storeindex_piece *piece = &PIECE(pieces, i);

		promise(piece->first >= end && piece->count > 0 && piece->count <= most);
		end = piece->first + piece->count;
		if (i < LOOKED_MAX) {
			promise(storeindex_find(pieces, piece->first) == piece);
			promise(storeindex_find(pieces, end - 1) == piece);
			promise(storeindex_find(pieces, end) == piece_find(pieces, end));
		}
	}
	promise(end <= blocks);
	promise(storeindex_find(pieces, 0) == piece_find(pieces, 0));
	promise(storeindex_find(pieces, UINT64_MAX) == piece_find(pieces, UINT64_MAX));
}

static void payload_check(const struct storeindex_payload *payload)
{
	uint64_t hashed = 0;

	promise(memchr(payload->name, '\0', sizeof payload->name) != NULL);
	promise(payload->data_blocks > 0 && payload->data_blocks <= VERITREE_DATA_BLOCKS_MAX);
	pieces_check(payload->leaves, payload->data_blocks, STORECUT_LEAVES_MOST);
	pieces_check(payload->data, payload->data_blocks, STORECUT_DATA_MOST);
	for (guint i = 0; i < payload->leaves->len; i++)
		hashed += PIECE(payload->leaves, i).count;
	promise(hashed == payload->data_blocks); /* so there is no gap */
}

static void decode(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Storeindex) index = storeindex_decode(bytes, size_bytes, NULL);
	g_autoptr(GBytes) again = NULL;

	if (index == NULL)
		return;
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++)
		payload_check(&index->payloads[i]);
	again = storeindex_encode(index);
	promise(g_bytes_get_size(again) == size_bytes);
	promise(memcmp(g_bytes_get_data(again, NULL), bytes, size_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree uint8_t *mended = NULL;

	decode(bytes, size_bytes);
	if (size_bytes < OFFSET_CHECKED)
		return 0;
	mended = g_memdup2(bytes, size_bytes);
	memcpy(mended, "AZSTORE1", OFFSET_CRC);
	bytes_store_u32(mended + OFFSET_CRC,
			crc32c(mended + OFFSET_CHECKED, size_bytes - OFFSET_CHECKED));
	decode(mended, size_bytes);
	return 0;
}

static void piece_add(GArray *pieces, uint64_t first, uint32_t count)
{
	struct storeindex_piece piece = { .first = first, .count = count };

	memset(piece.object, (int)(first + count), sizeof piece.object);
	g_array_append_val(pieces, piece);
}

static void payload_fill(struct storeindex_payload *payload, const char *name, unsigned number)
{
	const uint32_t last = 1 + 100 * number;

	g_strlcpy(payload->name, name, STOREINDEX_NAME_SIZE);
	for (unsigned i = 0; i < number; i++)
		piece_add(payload->leaves, (uint64_t)i * STORECUT_LEAVES_MOST,
			  STORECUT_LEAVES_MOST);
	payload->data_blocks = (uint64_t)number * STORECUT_LEAVES_MOST + last;
	piece_add(payload->leaves, (uint64_t)number * STORECUT_LEAVES_MOST, last);
	for (unsigned i = 0; i < number * 3; i++) /* with gaps: zeros */
		piece_add(payload->data, (uint64_t)i * 2 * STORECUT_DATA_MOST,
			  1 + i % STORECUT_DATA_MOST);
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	g_autoptr(Storeindex) index = storeindex_new();
	g_autoptr(Storeindex) again = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (number > 3)
		return 0;
	payload_fill(&index->payloads[0], "uki", number / 2);
	payload_fill(&index->payloads[1], "root", number);
	bytes = storeindex_encode(index);
	again = storeindex_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), NULL);
	promise(again != NULL);
	return fuzz_copy(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), ret_bytes, room);
}

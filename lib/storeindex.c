/* SPDX-License-Identifier: MIT */
/* Store index. Little-endian.
 *
 * offset  size  field
 *      0     8  magic "AZSTORE1"
 *      8     4  CRC-32C of all bytes from 12 on
 *     12     4  zero
 *     16    32  first payload, and so on, as many as STOREINDEX_PAYLOADS
 *     80    44  first piece, and so on: of the first payload its leaves, then its data, then the
 *               next payload's
 *
 * one payload:                         one piece:
 *      0    16  name, NUL-padded            0     8  first block
 *     16     8  blocks of the image         8     4  number of blocks
 *     24     4  pieces of leaf hashes      12    32  object: SHA-256 as ostree makes it
 *     28     4  pieces of data */
#include "storeindex.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "failure.h"
#include "storecut.h"
#include "veritree.h"

enum {
	OFFSET_CRC = 8,
	OFFSET_ZERO = 12,
	OFFSET_PAYLOADS = 16,
	PAYLOAD_SIZE = 32,
	HEAD_SIZE = OFFSET_PAYLOADS + STOREINDEX_PAYLOADS * PAYLOAD_SIZE,
	PIECE_SIZE = 12 + STOREINDEX_OBJECT_SIZE,
};

static const uint8_t MAGIC[8] = { 'A', 'Z', 'S', 'T', 'O', 'R', 'E', '1' };

struct storeindex *storeindex_new(void)
{
	struct storeindex *index = g_new0(struct storeindex, 1);

	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		index->payloads[i].leaves = g_array_new(FALSE, FALSE,
							sizeof(struct storeindex_piece));
		index->payloads[i].data = g_array_new(FALSE, FALSE,
						      sizeof(struct storeindex_piece));
	}
	return index;
}

void storeindex_free(struct storeindex *index)
{
	if (index == NULL)
		return;
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		g_array_unref(index->payloads[i].leaves);
		g_array_unref(index->payloads[i].data);
	}
	g_free(index);
}

static void pieces_encode(const GArray *pieces, GByteArray *bytes)
{
	for (guint i = 0; i < pieces->len; i++) {
		const struct storeindex_piece *piece = &g_array_index(pieces,
								      struct storeindex_piece, i);
		uint8_t entry[PIECE_SIZE];

		bytes_store_u64(entry, piece->first);
		bytes_store_u32(entry + 8, piece->count);
		memcpy(entry + 12, piece->object, STOREINDEX_OBJECT_SIZE);
		g_byte_array_append(bytes, entry, sizeof entry);
	}
}

GBytes *storeindex_encode(const struct storeindex *index)
{
	GByteArray *bytes = g_byte_array_new();
	uint8_t head[HEAD_SIZE] = { 0 };

	memcpy(head, MAGIC, sizeof MAGIC);
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		const struct storeindex_payload *payload = &index->payloads[i];
		uint8_t *entry = head + OFFSET_PAYLOADS + i * PAYLOAD_SIZE;

		memcpy(entry, payload->name, STOREINDEX_NAME_SIZE);
		bytes_store_u64(entry + 16, payload->data_blocks);
		bytes_store_u32(entry + 24, payload->leaves->len);
		bytes_store_u32(entry + 28, payload->data->len);
	}
	g_byte_array_append(bytes, head, sizeof head);
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		pieces_encode(index->payloads[i].leaves, bytes);
		pieces_encode(index->payloads[i].data, bytes);
	}
	bytes_store_u32(bytes->data + OFFSET_CRC,
			crc32c(bytes->data + OFFSET_ZERO, bytes->len - OFFSET_ZERO));
	return g_byte_array_free_to_bytes(bytes);
}

/* Rising, without overlapping; returns the first block behind the last piece, or UINT64_MAX. */
static uint64_t pieces_decode(const uint8_t *bytes, uint32_t count, uint32_t most, GArray *pieces)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < count; i++, bytes += PIECE_SIZE) {
		struct storeindex_piece piece = { .first = bytes_load_u64(bytes),
						  .count = bytes_load_u32(bytes + 8) };

		if (piece.first < end || piece.first > VERITREE_DATA_BLOCKS_MAX ||
		    piece.count == 0 || piece.count > most)
			return UINT64_MAX;
		memcpy(piece.object, bytes + 12, STOREINDEX_OBJECT_SIZE);
		g_array_append_val(pieces, piece);
		end = piece.first + piece.count;
	}
	return end;
}

static gboolean has_no_gap(const GArray *pieces)
{
	uint64_t end = 0;

	for (guint i = 0; i < pieces->len; i++) {
		const struct storeindex_piece *piece = &g_array_index(pieces,
								      struct storeindex_piece, i);

		if (piece->first != end)
			return FALSE;
		end += piece->count;
	}
	return TRUE;
}

/* FALSE: the pieces do not fit the image. The counts were checked against the size. */
static gboolean payload_decode(const uint8_t *entry, const uint8_t *pieces,
			       struct storeindex_payload *payload)
{
	const uint32_t leaves = bytes_load_u32(entry + 24);

	memcpy(payload->name, entry, STOREINDEX_NAME_SIZE);
	payload->data_blocks = bytes_load_u64(entry + 16);
	return payload->name[STOREINDEX_NAME_SIZE - 1] == '\0' && payload->data_blocks > 0 &&
	       payload->data_blocks <= VERITREE_DATA_BLOCKS_MAX &&
	       pieces_decode(pieces, leaves, STORECUT_LEAVES_MOST, payload->leaves) ==
		       payload->data_blocks &&
	       has_no_gap(payload->leaves) &&
	       pieces_decode(pieces + (size_t)leaves * PIECE_SIZE, bytes_load_u32(entry + 28),
			     STORECUT_DATA_MOST, payload->data) <= payload->data_blocks;
}

static uint64_t pieces_count(const uint8_t *head, unsigned payloads)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < payloads; i++)
		count += (uint64_t)bytes_load_u32(head + OFFSET_PAYLOADS + i * PAYLOAD_SIZE + 24) +
			 bytes_load_u32(head + OFFSET_PAYLOADS + i * PAYLOAD_SIZE + 28);
	return count;
}

struct storeindex *storeindex_decode(const uint8_t *bytes, size_t size_bytes, GError **error)
{
	g_autoptr(Storeindex) index = storeindex_new();

	if (size_bytes < HEAD_SIZE || size_bytes > STOREINDEX_SIZE_MAX ||
	    !bytes_equal(bytes, MAGIC, sizeof MAGIC) || bytes_load_u32(bytes + OFFSET_ZERO) != 0 ||
	    bytes_load_u32(bytes + OFFSET_CRC) !=
		    crc32c(bytes + OFFSET_ZERO, size_bytes - OFFSET_ZERO) ||
	    size_bytes != HEAD_SIZE + pieces_count(bytes, STOREINDEX_PAYLOADS) * PIECE_SIZE) {
		failure_set(error, FAULT_STORE_INDEX,
			    "what says where a stored release's pieces are is damaged");
		return NULL;
	}
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++)
		if (!payload_decode(bytes + OFFSET_PAYLOADS + i * PAYLOAD_SIZE,
				    bytes + HEAD_SIZE + pieces_count(bytes, i) * PIECE_SIZE,
				    &index->payloads[i])) {
			failure_set(error, FAULT_STORE_INDEX,
				    "the pieces of a stored release's payload %u do not fit it", i);
			return NULL;
		}
	return g_steal_pointer(&index);
}

const struct storeindex_piece *storeindex_find(const GArray *pieces, uint64_t block)
{
	guint low = 0, high = pieces->len; /* pieces before `low` start at or before the block */

	while (low < high) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(pieces, struct storeindex_piece, middle).first <= block)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : &g_array_index(pieces, struct storeindex_piece, low - 1);
}

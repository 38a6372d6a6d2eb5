/* SPDX-License-Identifier: MIT */
/* Frames of zstd. The first byte says how many blocks there are and what is done: hostile bytes
 * give no more than they should, the same in one piece as piece by piece; and what is compressed
 * comes back, with a reference, with a dictionary, or alone. */
#include "frame.h"

#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "veritree.h"

enum { BLOCKS_MAX = 4, GUARD = 64, PIECE = 1000, REFERENCE_SIZE = 3000 };

static struct frame_reference reference_get(void)
{
	static uint8_t bytes[REFERENCE_SIZE];

	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i / 7);
	return (struct frame_reference){ bytes, sizeof bytes };
}

/* Nothing is written behind what was asked for. */
static uint8_t *room_new(size_t size_bytes)
{
	uint8_t *room = g_malloc(size_bytes + GUARD);

	memset(room + size_bytes, 0xa5, GUARD);
	return room;
}

static void room_check(const uint8_t *room, size_t size_bytes)
{
	for (unsigned i = 0; i < GUARD; i++)
		promise(room[size_bytes + i] == 0xa5);
}

static gboolean pieces_read(const uint8_t *stored, size_t stored_size, uint8_t *ret_bytes,
			    size_t size_bytes, size_t piece)
{
	struct frame_reader *reader = frame_reader_new(stored, stored_size);
	gboolean good = TRUE;

	for (size_t at = 0; good && at < size_bytes; at += piece)
		good = frame_reader_read(reader, ret_bytes + at, MIN(piece, size_bytes - at));
	frame_reader_free(reader);
	return good;
}

static void hostile_run(const uint8_t *stored, size_t stored_size, unsigned blocks)
{
	const size_t size_bytes = (size_t)blocks * VERITREE_BLOCK_SIZE;
	const struct frame_entry entry = { .block_count = blocks,
					   .encoding = FRAME_ZSTD,
					   .stored_size = (uint32_t)stored_size };
	const struct frame_reference reference = reference_get();
	g_autoptr(FrameDecoder) decoder = frame_decoder_new(NULL);
	g_autofree uint8_t *at_once = room_new(size_bytes);
	g_autofree uint8_t *whole = room_new(size_bytes);
	g_autofree uint8_t *pieces = room_new(size_bytes);
	const gboolean good = frame_decode(decoder, &entry, stored, at_once) == NULL;
	const gboolean whole_good = pieces_read(stored, stored_size, whole, size_bytes, size_bytes);

	promise(pieces_read(stored, stored_size, pieces, size_bytes, PIECE) == whole_good);
	promise(!whole_good || memcmp(whole, pieces, size_bytes) == 0);
	/* The reader has a smaller window, and does not look behind what it was asked for. */
	promise(!whole_good || !good || memcmp(at_once, whole, size_bytes) == 0);
	room_check(at_once, size_bytes);
	room_check(whole, size_bytes);
	if (frame_decompress_from(&reference, stored, stored_size, whole, size_bytes) == NULL &&
	    good)
		promise(memcmp(at_once, whole, size_bytes) == 0);
	room_check(whole, size_bytes);
}

/* `dictionary` NULL: none. */
static void round_run(const uint8_t *blocks, unsigned count, GBytes *dictionary)
{
	const size_t size_bytes = (size_t)count * VERITREE_BLOCK_SIZE;
	g_autoptr(FrameEncoder) encoder = frame_encoder_new(3, dictionary);
	g_autoptr(FrameDecoder) decoder = frame_decoder_new(dictionary);
	g_autofree uint8_t *stored = g_malloc(frame_bound(size_bytes));
	g_autofree uint8_t *back = room_new(size_bytes);
	struct frame_entry entry = { .block_count = count };

	frame_encode(encoder, blocks, &entry, stored);
	promise(entry.stored_size <= size_bytes);
	promise((entry.encoding == FRAME_ZERO) == bytes_are_zero(blocks, size_bytes));
	promise(frame_decode(decoder, &entry, stored, back) == NULL);
	promise(memcmp(back, blocks, size_bytes) == 0);
	room_check(back, size_bytes);
}

static void reference_run(const uint8_t *blocks, size_t size_bytes)
{
	const struct frame_reference reference = reference_get();
	g_autofree uint8_t *stored = g_malloc(frame_bound(size_bytes));
	g_autofree uint8_t *back = room_new(size_bytes);
	const size_t stored_size = frame_compress_from(&reference, blocks, size_bytes, 3, stored);

	promise(frame_decompress_from(&reference, stored, stored_size, back, size_bytes) == NULL);
	promise(memcmp(back, blocks, size_bytes) == 0);
	room_check(back, size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	const unsigned blocks = size_bytes > 0 ? 1 + bytes[0] % BLOCKS_MAX : 1;
	const size_t wanted = (size_t)blocks * VERITREE_BLOCK_SIZE;
	g_autofree uint8_t *content = NULL;
	g_autoptr(GBytes) dictionary = NULL;

	if (size_bytes < 2)
		return 0;
	if (bytes[0] % 8 < BLOCKS_MAX) {
		hostile_run(bytes + 1, size_bytes - 1, blocks);
		return 0;
	}
	content = g_malloc(wanted);
	for (size_t i = 0; i < wanted; i++)
		content[i] = bytes[1 + i % (size_bytes - 1)];
	dictionary = g_bytes_new(bytes, size_bytes); /* of any bytes */
	round_run(content, blocks, NULL);
	round_run(content, blocks, dictionary);
	reference_run(content, wanted);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	uint8_t blocks[2 * VERITREE_BLOCK_SIZE];

	if (number > 3 || room < frame_bound(sizeof blocks) + 1)
		return 0;
	for (unsigned i = 0; i < sizeof blocks; i++)
		blocks[i] = (uint8_t)(number == 1 ? i * i / 7 : i % 100);
	if (number == 3) {
		ret_bytes[0] = 4;
		memcpy(ret_bytes + 1, blocks, 200);
		return 201;
	}
	ret_bytes[0] = 1;
	if (number == 2) {
		const struct frame_reference reference = reference_get();

		return 1 +
		       frame_compress_from(&reference, blocks, sizeof blocks, 19, ret_bytes + 1);
	}
	return 1 + frame_compress(blocks, sizeof blocks, 19, ret_bytes + 1, room - 1);
}

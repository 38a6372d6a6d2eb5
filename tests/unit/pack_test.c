/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <string.h>

#include "tap.h"

enum { SIZE = 100000 };

/* Bytes that no packer makes smaller. */
static void noise_fill(uint8_t *bytes, size_t size_bytes)
{
	uint64_t state = 1;

	for (size_t i = 0; i < size_bytes; i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		bytes[i] = (uint8_t)(state >> 56);
	}
}

static void check_round_trip(const uint8_t *bytes, size_t size_bytes, enum pack_kind kind)
{
	g_autoptr(GByteArray) packed = g_byte_array_new();
	g_autoptr(GByteArray) again = NULL;
	struct varint_reader reader = { 0 };
	struct pack_stream stream;

	pack_append(packed, bytes, size_bytes);
	reader.bytes = packed->data;
	reader.size_bytes = packed->len;
	expect(pack_take(&reader, size_bytes, &stream));
	expect(reader.position == packed->len);
	expect(size_bytes == 0 || stream.kind == kind);
	again = pack_unpack(&stream);
	expect(again != NULL && again->len == size_bytes);
	expect(size_bytes == 0 || memcmp(again->data, bytes, size_bytes) == 0);
	reader.position = 0;
	expect(size_bytes == 0 || !pack_take(&reader, size_bytes - 1, &stream));
}

static void test_kinds(void)
{
	g_autofree uint8_t *noise = g_malloc0(SIZE);
	g_autofree uint8_t *zeros = g_malloc0(SIZE);

	noise_fill(noise, SIZE);
	check_round_trip(noise, 0, PACK_STORED);
	check_round_trip(noise, SIZE, PACK_STORED);
	check_round_trip(zeros, SIZE, PACK_LZMA);
	check_round_trip((const uint8_t *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaa", 28, PACK_LZMA);
}

static size_t stored_for(const uint8_t *bytes, uint32_t line_kb, enum pack_kind *ret_kind)
{
	g_autoptr(GByteArray) packed = g_byte_array_new();
	g_autoptr(GByteArray) again = NULL;
	struct varint_reader reader = { 0 };
	struct pack_stream stream = { 0 };

	pack_append_line(packed, bytes, SIZE, line_kb);
	reader.bytes = packed->data;
	reader.size_bytes = packed->len;
	expect(pack_take(&reader, SIZE, &stream) && reader.position == packed->len);
	again = pack_unpack(&stream);
	expect(again != NULL && again->len == SIZE && memcmp(again->data, bytes, SIZE) == 0);
	*ret_kind = stream.kind;
	return stream.stored_size;
}

/* A device unpacks ten million bytes of LZMA in a second: on a line on which what they save takes
 * less than that to fetch, they are not worth it. */
static void test_lines(void)
{
	g_autofree uint8_t *bytes = g_malloc(SIZE);
	enum pack_kind kind;
	size_t lzma_size, zstd_size;
	uint32_t line_kb;

	noise_fill(bytes, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(bytes[i] & 0x11 << i / 16 % 3); /* a table, as it were */
	lzma_size = stored_for(bytes, 1, &kind);
	expect(kind == PACK_LZMA);
	zstd_size = stored_for(bytes, UINT32_MAX, &kind);
	expect(kind == PACK_ZSTD && zstd_size > lzma_size);
	line_kb = (uint32_t)((zstd_size - lzma_size) * 10000 / lzma_size);
	expect(stored_for(bytes, line_kb, &kind) == lzma_size);
	expect(stored_for(bytes, line_kb + 1, &kind) == zstd_size);
	noise_fill(bytes, SIZE);
	expect(stored_for(bytes, UINT32_MAX, &kind) == SIZE && kind == PACK_STORED);
}

/* frame_compress() is what wrote this, so it is a frame. */
static void test_zstd(void)
{
	static const uint8_t PACKED[] = { 3,    PACK_ZSTD, 12,   0x28, 0xb5, 0x2f, 0xfd, 0x20,
					  0x03, 0x19,      0x00, 0x00, 'a',  'b',  'c' };
	struct varint_reader reader = { PACKED, sizeof PACKED, 0, FALSE };
	struct pack_stream stream;
	g_autoptr(GByteArray) again = NULL;

	expect(pack_take(&reader, 3, &stream));
	again = pack_unpack(&stream);
	expect(again != NULL && again->len == 3 && memcmp(again->data, "abc", 3) == 0);
}

/* In pieces, and no byte more than there is. */
static void test_pieces(void)
{
	g_autoptr(GByteArray) packed = g_byte_array_new();
	g_autofree uint8_t *bytes = g_malloc0(SIZE);
	struct varint_reader reader = { 0 };
	struct pack_stream stream;
	g_autoptr(PackReader) pieces = NULL;
	uint8_t got[777];

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i / 100);
	pack_append(packed, bytes, SIZE);
	reader.bytes = packed->data;
	reader.size_bytes = packed->len;
	expect(pack_take(&reader, SIZE, &stream));
	pieces = pack_reader_new(&stream);
	for (size_t at = 0; at < SIZE; at += sizeof got) {
		const size_t size = MIN(sizeof got, SIZE - at);

		expect(pack_reader_read(pieces, got, size));
		expect(memcmp(got, bytes + at, size) == 0);
	}
	expect(pack_reader_read(pieces, got, 0));
	expect(!pack_reader_read(pieces, got, 1));
}

static void test_damaged(void)
{
	static const struct {
		const char *bytes;
		size_t size_bytes;
	} DAMAGED[] = {
		{ "\x03\x03\x01x", 4 },     /* an unknown kind */
		{ "\x03\x00\x02xy", 5 },    /* stored, but shorter */
		{ "\x03\x00\x05xyz", 6 },   /* ends early */
		{ "\x03\x02\x01\xff", 4 },  /* no LZMA model */
		{ "\x03\x02\x01\x5dx", 5 }, /* no LZMA */
		{ "\x03\x01\x01x", 4 },     /* no zstd */
		{ "\x03\x01\x00", 3 },      { "\x03", 1 }, { "", 0 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(DAMAGED); i++) {
		struct varint_reader reader = { (const uint8_t *)DAMAGED[i].bytes,
						DAMAGED[i].size_bytes, 0, FALSE };
		struct pack_stream stream;
		g_autoptr(GByteArray) bytes = NULL;

		if (pack_take(&reader, 3, &stream))
			bytes = pack_unpack(&stream);
		expect(bytes == NULL);
	}
}

static const struct tap_case CASES[] = {
	{ "stored and LZMA", test_kinds }, { "zstd", test_zstd },
	{ "lines", test_lines },           { "read in pieces", test_pieces },
	{ "damaged ones", test_damaged },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
/* Recoders. The first byte says what the rest is: a file to search, a deflate stream to split
 * (with the right checksum around it, so that mutants get that far), or corrections to join. */
#include "recode.h"

#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "inflate.h"
#include "recode_gzip_private.h"

enum { FIND, SPLIT, JOIN, EXPAND_LZ4, MODES };
enum { RAW_SIZE = 400, STORED_MAX = 2000 };

/* Content with repetitions, some of them far apart. */
static void raw_fill(uint8_t raw[static RAW_SIZE])
{
	for (unsigned i = 0; i < RAW_SIZE; i++)
		raw[i] = (uint8_t)(i % 7 < 4 ? 'a' + i % 4 : 'a' + i / 9 % 5);
}

static void join_run(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes)
{
	uint8_t raw[RAW_SIZE];
	const struct recode_raw source = { raw, sizeof raw, bytes, size_bytes };
	g_autofree uint8_t *joined = g_malloc(STORED_MAX);

	raw_fill(raw);
	for (size_t size = 30; size < STORED_MAX; size += 900)
		(void)recode_join(kind, &source, joined, size); /* only crashes count */
}

static void split_run(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GByteArray) corrections = g_byte_array_new();
	g_autofree uint8_t *joined = g_malloc(size_bytes);
	struct recode_raw source;

	if (!recode_split(kind, bytes, size_bytes, raw, corrections))
		return;
	source = (struct recode_raw){ raw->data, raw->len, corrections->data, corrections->len };
	if (recode_join(kind, &source, joined, size_bytes) != NULL ||
	    memcmp(joined, bytes, size_bytes) != 0)
		__builtin_trap();
}

static void find_run(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GArray) spans = recode_find(bytes, size_bytes);
	uint64_t end = 0;

	for (guint i = 0; i < spans->len; i++) {
		const struct recode_span *span = &g_array_index(spans, struct recode_span, i);

		if (span->offset < end ||
		    !bytes_range_is_inside(span->offset, span->size_bytes, size_bytes))
			__builtin_trap();
		end = span->offset + span->size_bytes;
		split_run(span->kind, bytes + span->offset, span->size_bytes);
	}
}

static void deflate_run(const uint8_t *bytes, size_t size_bytes)
{
	static const uint8_t HEAD[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3 };
	g_autoptr(GByteArray) member = g_byte_array_new();
	g_autoptr(GByteArray) raw = g_byte_array_new();
	struct inflate_parts parts = { .raw = raw };
	uint8_t trailer[RECODE_GZIP_TRAILER_SIZE];
	size_t used;

	if (inflate_parse(bytes, size_bytes, &parts, &used) != NULL)
		return;
	g_byte_array_append(member, HEAD, sizeof HEAD);
	g_byte_array_append(member, bytes, (guint)used);
	bytes_store_u32(trailer, recode_gzip_crc(raw->data, raw->len));
	bytes_store_u32(trailer + 4, raw->len);
	g_byte_array_append(member, trailer, sizeof trailer);
	split_run(RECODE_GZIP, member->data, member->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t raw[RAW_SIZE];

	if (size_bytes == 0)
		return 0;
	switch (bytes[0] % MODES) {
	case FIND:
		find_run(bytes + 1, size_bytes - 1);
		break;
	case SPLIT:
		deflate_run(bytes + 1, size_bytes - 1);
		break;
	case JOIN:
		join_run(RECODE_GZIP, bytes + 1, size_bytes - 1);
		join_run(RECODE_LZ4, bytes + 1, size_bytes - 1);
		break;
	default:
		(void)recode_expand(RECODE_LZ4, bytes + 1, size_bytes - 1, raw, sizeof raw);
		break;
	}
	return 0;
}

/* A kernel with an LZ4 payload of one block: ten literals. */
static size_t kernel_seed(uint8_t *ret_bytes)
{
	static const uint8_t PAYLOAD[] = { 0x02, 0x21, 0x4c, 0x18, 11,  0,   0,   0,
					   0xa0, 'a',  'b',  'c',  'd', 'e', 'f', 'g',
					   'h',  'i',  'j',  10,   0,   0,   0 };
	enum { SIZE = 1024 + sizeof PAYLOAD };

	memset(ret_bytes, 0, SIZE + 1);
	ret_bytes[1 + 0x1f1] = 1;
	memcpy(ret_bytes + 1 + 0x202, "HdrS\x0f\x02", 6);
	bytes_store_u32(ret_bytes + 1 + 0x24c, sizeof PAYLOAD);
	memcpy(ret_bytes + 1 + 1024, PAYLOAD, sizeof PAYLOAD);
	return SIZE + 1;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const uint8_t DEFLATE[] = {
		SPLIT, 0xed, 0xd0, 0x31, 0x01, 0x00, 0x00, 0x08, 0xc3, 0xb0,
		0x59,  0x05, 0xff, 0x22, 0xb0, 0xb0, 0x93, 0x23, 0xa9, 0x83,
		0x26,  0x00, 0x00, 0xc0, 0x77, 0xb3, 0x5d, 0x4e, 0xf5, 0x0e,
	};
	/* A stored block of 5 bytes, one of 3 tokens with another type; a match, a literal. */
	static const uint8_t CORRECTIONS[] = { JOIN, 8, 0, 7, 0, 3, 5, 0, 27, 3, 0, 4, 2, 3, 0, 0 };

	if (room < 2048)
		return 0;
	switch (number) {
	case 0:
		return kernel_seed(ret_bytes);
	case 1:
		memcpy(ret_bytes, DEFLATE, sizeof DEFLATE);
		return sizeof DEFLATE;
	case 2:
		memcpy(ret_bytes, CORRECTIONS, sizeof CORRECTIONS);
		return sizeof CORRECTIONS;
	default:
		return 0;
	}
}

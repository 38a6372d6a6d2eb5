/* SPDX-License-Identifier: MIT */
#include "inflate.h"

#include <string.h>

#include "tap.h"

enum { BYTES_MAX = 32 };

struct stream {
	const char *content; /* NULL: it is refused */
	size_t size_bytes;
	uint8_t bytes[BYTES_MAX];
};

/* Zeros, "ab" twenty times, zeros; made by zlib. */
static const uint8_t DYNAMIC[] = { 0xed, 0xd0, 0x31, 0x01, 0x00, 0x00, 0x08, 0xc3, 0xb0, 0x59,
				   0x05, 0xff, 0x22, 0xb0, 0xb0, 0x93, 0x23, 0xa9, 0x83, 0x26,
				   0x00, 0x00, 0xc0, 0x77, 0xb3, 0x5d, 0x4e, 0xf5, 0x0e };

static const char *stream_parse(const uint8_t *bytes, size_t size_bytes, GByteArray *raw,
				size_t *ret_used)
{
	g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct inflate_block));
	struct inflate_parts parts = { raw, tokens, blocks };

	return inflate_parse(bytes, size_bytes, &parts, ret_used);
}

static void test_streams(void)
{
	static const struct stream ROWS[] = {
		{ "", 2, { 0x03, 0x00 } },
		{ "abcabcabc", 7, { 0x4b, 0x4c, 0x4a, 0x4e, 0x04, 0x23, 0x00 } },
		{ "ab", 9, { 0x00, 0x02, 0x00, 0xfd, 0xff, 'a', 'b', 0x03, 0x00 } },
		{ "ab", 7, { 0x01, 0x02, 0x00, 0xfd, 0xff, 'a', 'b' } },
		{ NULL, 7, { 0x09, 0x02, 0x00, 0xfd, 0xff, 'a', 'b' } },    /* padding */
		{ NULL, 2, { 0x03, 0x80 } },                                /* padding at the end */
		{ NULL, 7, { 0x01, 0x02, 0x00, 0xfc, 0xff, 'a', 'b' } },    /* size */
		{ NULL, 6, { 0x01, 0x02, 0x00, 0xfd, 0xff, 'a' } },         /* short */
		{ NULL, 2, { 0x07, 0x00 } },                                /* unknown type */
		{ NULL, 4, { 0x03, 0x02, 0x00, 0x00 } },                    /* before its start */
		{ NULL, 4, { 0x1b, 0x03, 0x00, 0x00 } },                    /* symbol 286 */
		{ NULL, 4, { 0xf5, 0x00, 0x00, 0x00 } },                    /* too many codes */
		{ NULL, 20, { 0x05, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff } }, /* codes overlap */
		{ NULL, 20, { 0x05, 0x00, 0x00, 0x00 } },                   /* no code at all */
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		g_autoptr(GByteArray) raw = g_byte_array_new();
		size_t used = 0;
		const char *why = stream_parse(ROWS[i].bytes, ROWS[i].size_bytes, raw, &used);

		expect((why == NULL) == (ROWS[i].content != NULL));
		if (ROWS[i].content == NULL || why != NULL)
			continue;
		expect(used == ROWS[i].size_bytes && raw->len == strlen(ROWS[i].content));
		expect(memcmp(raw->data != NULL ? (const char *)raw->data : "", ROWS[i].content,
			      raw->len) == 0);
	}
}

static void test_cut(void)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	size_t used = 0;

	expect(stream_parse(DYNAMIC, sizeof DYNAMIC, raw, &used) == NULL);
	expect(used == sizeof DYNAMIC && raw->len == 3340);
	expect(raw->len == 3340 && memcmp(raw->data + 2998, "\0\0abab", 6) == 0);
	for (size_t size = 0; size < sizeof DYNAMIC; size++) {
		g_autofree uint8_t *bytes = g_memdup2(DYNAMIC, size);
		g_autofree uint8_t *expanded = g_malloc(3340);

		expect(stream_parse(bytes, size, raw, &used) != NULL);
		expect(inflate_expand(bytes, size, expanded, 3340) != NULL);
	}
}

static void test_size(void)
{
	for (size_t size = 3330; size <= 3350; size++) {
		g_autofree uint8_t *expanded = g_malloc(size);

		expect((inflate_expand(DYNAMIC, sizeof DYNAMIC, expanded, size) == NULL) ==
		       (size == 3340));
	}
}

/* An empty fixed block takes ten bits: a stream of nothing else must come to an end early. */
static void test_blocks_max(void)
{
	enum { SIZE = ((INFLATE_BLOCKS_MAX + 1) * 10 + 7) / 8 };

	for (size_t last = INFLATE_BLOCKS_MAX - 1; last <= INFLATE_BLOCKS_MAX; last++) {
		g_autofree uint8_t *bytes = g_malloc0(SIZE);
		uint8_t none = 0;

		for (size_t bit = 1; bit <= last * 10 + 1; bit += 10)
			bytes[bit / 8] |= (uint8_t)(1 << bit % 8);
		bytes[last * 10 / 8] |= (uint8_t)(1 << last * 10 % 8);
		expect((inflate_expand(bytes, SIZE, &none, 0) == NULL) ==
		       (last < INFLATE_BLOCKS_MAX));
	}
}

static const struct tap_case CASES[] = {
	{ "streams made by hand", test_streams },
	{ "streams that end early", test_cut },
	{ "the size must be right", test_size },
	{ "endless empty blocks", test_blocks_max },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "varint.h"

#include <string.h>

#include "tap.h"

static const struct {
	uint64_t value;
	const char *bytes;
	size_t size_bytes;
} FORMS[] = {
	{ 0, "\x00", 1 },
	{ 127, "\x7f", 1 },
	{ 128, "\x80\x01", 2 },
	{ 300, "\xac\x02", 2 },
	{ UINT32_MAX, "\xff\xff\xff\xff\x0f", 5 },
	{ UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
};

static void test_forms(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(FORMS); i++) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		struct varint_reader reader = { (const uint8_t *)FORMS[i].bytes,
						FORMS[i].size_bytes, 0, FALSE };

		varint_append(bytes, FORMS[i].value);
		expect(bytes->len == FORMS[i].size_bytes);
		expect(memcmp(bytes->data, FORMS[i].bytes, FORMS[i].size_bytes) == 0);
		expect(varint_read(&reader) == FORMS[i].value);
		expect(!reader.failed && reader.position == reader.size_bytes);
		reader = (struct varint_reader){ reader.bytes, reader.size_bytes - 1, 0, FALSE };
		expect(varint_read(&reader) == 0 && reader.failed);
	}
}

static void test_signed(void)
{
	static const int64_t VALUES[] = { 0, -1, 1, -64, 64, INT32_MIN, INT64_MAX, INT64_MIN };
	static const size_t SIZES[] = { 1, 1, 1, 1, 2, 5, 10, 10 };

	for (unsigned i = 0; i < G_N_ELEMENTS(VALUES); i++) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		struct varint_reader reader = { 0 };

		varint_append_signed(bytes, VALUES[i]);
		reader.bytes = bytes->data;
		reader.size_bytes = bytes->len;
		expect(bytes->len == SIZES[i]);
		expect(varint_read_signed(&reader) == VALUES[i] && !reader.failed);
	}
}

static void test_refused(void)
{
	static const char *const LONG[] = {
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", /* a bit too many */
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81", /* goes on */
	};
	struct varint_reader reader = { (const uint8_t *)"\x05\x06", 2, 0, FALSE };

	for (unsigned i = 0; i < G_N_ELEMENTS(LONG); i++) {
		struct varint_reader bad = { (const uint8_t *)LONG[i], 10, 0, FALSE };

		expect(varint_read(&bad) == 0 && bad.failed);
	}
	expect(varint_read_limited(&reader, 5) == 5 && !reader.failed);
	expect(varint_read_limited(&reader, 5) == 0 && reader.failed);
	reader.position = 0;
	expect(varint_read(&reader) == 0); /* it stays failed */
}

static const struct tap_case CASES[] = {
	{ "numbers and their bytes", test_forms },
	{ "signed numbers", test_signed },
	{ "what is no number", test_refused },
};
TAP_MAIN(CASES)

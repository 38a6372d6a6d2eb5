/* SPDX-License-Identifier: MIT */
#include "crc32c.h"

#include <string.h>

#include "tap.h"

/* RFC 3720, appendix B.4. */
static void test_vectors(void)
{
	uint8_t bytes[32];

	expect(crc32c((const uint8_t *)"123456789", 9) == 0xe3069283);
	expect(crc32c(bytes, 0) == 0);
	memset(bytes, 0, sizeof bytes);
	expect(crc32c(bytes, sizeof bytes) == 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	expect(crc32c(bytes, sizeof bytes) == 0x62a8ab43);
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	expect(crc32c(bytes, sizeof bytes) == 0x46dd794e);
}

/* Bit by bit, as the polynomial says. */
static uint32_t slow(const uint8_t *bytes, size_t size_bytes)
{
	uint32_t crc = 0xffffffff;

	for (size_t bit = 0; bit < 8 * size_bytes; bit++) {
		const uint32_t in = bytes[bit / 8] >> bit % 8 & 1;

		crc = crc >> 1 ^ ((crc & 1) != in ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Every byte at every place of a stride, every size up to several strides, every alignment. */
static void test_slow(void)
{
	uint8_t bytes[64];
	uint32_t state = 1;

	for (unsigned round = 0; round < 256; round++) {
		for (unsigned i = 0; i < sizeof bytes; i++) {
			state = state * 1664525 + 1013904223;
			bytes[i] = (uint8_t)((state >> 24) + round);
		}
		for (unsigned from = 0; from < 8; from++)
			for (unsigned size = 0; size <= 40; size++)
				expect(crc32c(bytes + from, size) == slow(bytes + from, size));
	}
}

static const struct tap_case CASES[] = {
	{ "rfc 3720 vectors", test_vectors },
	{ "like one bit at a time", test_slow },
};
TAP_MAIN(CASES)

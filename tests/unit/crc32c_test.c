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

static const struct tap_case CASES[] = { { "rfc 3720 vectors", test_vectors } };
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
/* Delta indexes: as they are stored, and as the numbers that are packed in them. */
#include <string.h>

#include "deltaindex.h"
#include "fuzz.h"
#include "pack.h"

static void decode(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Deltaindex) index = NULL;

	if (deltaindex_decode(bytes, size_bytes, &index, NULL) && index->frames->len > 0 &&
	    deltaindex_frames_size(index) == 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GByteArray) packed = g_byte_array_new();
	const uint8_t kind = PACK_STORED;

	if (size_bytes > 0 && bytes[0] == 0) {
		decode(bytes + 1, size_bytes - 1);
		return 0;
	}
	/* No packer would find the way through; so the numbers are packed here. */
	varint_append(packed, size_bytes);
	g_byte_array_append(packed, &kind, 1);
	varint_append(packed, size_bytes);
	g_byte_array_append(packed, bytes, (guint)size_bytes);
	decode(packed->data, packed->len);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	/* Ten blocks: COPY 2, MADE 3, ZERO 1, COPY 1, MADE 3; two frames, three outputs. */
	static const uint8_t NUMBERS[] = { 1, 10,  8, 5, 2, 3,  9,  14, 4, 5, 14, 4,
					   1, 100, 7, 2, 1, 14, 15, 0,  3, 1, 2 };
	g_autoptr(GByteArray) packed = g_byte_array_new();

	if (number == 0) {
		memcpy(ret_bytes, NUMBERS, sizeof NUMBERS);
		return sizeof NUMBERS;
	}
	if (number > 1 || room < 64)
		return 0;
	pack_append(packed, NUMBERS, sizeof NUMBERS);
	ret_bytes[0] = 0;
	memcpy(ret_bytes + 1, packed->data, packed->len);
	return packed->len + 1;
}

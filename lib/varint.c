/* SPDX-License-Identifier: MIT */
#include "varint.h"

uint64_t varint_read(struct varint_reader *reader)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && !reader->failed; shift += 7) {
		uint8_t byte;

		if (reader->position == reader->size_bytes)
			break;
		byte = reader->bytes[reader->position++];
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	reader->failed = TRUE;
	return 0;
}

int64_t varint_read_signed(struct varint_reader *reader)
{
	const uint64_t folded = varint_read(reader);

	return (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
}

uint64_t varint_read_limited(struct varint_reader *reader, uint64_t limit)
{
	const uint64_t value = varint_read(reader);

	if (value <= limit)
		return value;
	reader->failed = TRUE;
	return 0;
}

void varint_append(GByteArray *to, uint64_t value)
{
	uint8_t bytes[10];
	guint count = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[count++] = (uint8_t)(value | 0x80);
	bytes[count++] = (uint8_t)value;
	g_byte_array_append(to, bytes, count);
}

void varint_append_signed(GByteArray *to, int64_t value)
{
	varint_append(to, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

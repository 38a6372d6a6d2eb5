/* SPDX-License-Identifier: MIT */
/* Varints: read as another reader reads them, in 128 bits; and what is written again is as short as
 * it can be, and reads the same. */
#include "varint.h"

#include <string.h>

#include "fuzz.h"

enum { BYTES_MAX = 10 };

__extension__ typedef unsigned __int128 wide;

/* FALSE: it ends early, or does not fit 64 bits. */
static gboolean other_read(const uint8_t *bytes, size_t size_bytes, uint64_t *ret_value,
			   size_t *ret_used)
{
	wide value = 0;
	size_t used = 0;

	while (used < size_bytes && used < BYTES_MAX) {
		value += (wide)(bytes[used] % 128) << (7 * used);
		if (bytes[used++] < 128) {
			*ret_value = (uint64_t)value;
			*ret_used = used;
			return value >> 64 == 0;
		}
	}
	return FALSE;
}

static void written_again(uint64_t value, size_t used)
{
	g_autoptr(GByteArray) written = g_byte_array_new();
	struct varint_reader reader = { .bytes = NULL };
	const int64_t number = (int64_t)value;

	varint_append(written, value);
	promise(written->len <= used);
	reader = (struct varint_reader){ written->data, written->len, 0, FALSE };
	promise(varint_read(&reader) == value && reader.position == written->len);
	g_byte_array_set_size(written, 0);
	varint_append_signed(written, number);
	reader = (struct varint_reader){ written->data, written->len, 0, FALSE };
	promise(varint_read_signed(&reader) == number && !reader.failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct varint_reader reader = { bytes, size_bytes, 0, FALSE };
	const uint64_t limit = size_bytes > 0 ? (uint64_t)bytes[size_bytes - 1] << 8 : 0;

	while (!reader.failed) {
		const size_t at = reader.position;
		struct varint_reader limited = reader;
		const uint64_t value = varint_read(&reader);
		uint64_t other;
		size_t used;

		promise(other_read(bytes + at, size_bytes - at, &other, &used) == !reader.failed);
		promise(varint_read_limited(&limited, limit) <= limit);
		promise(limited.failed == (reader.failed || value > limit));
		if (reader.failed)
			break;
		promise(other == value && reader.position == at + used);
		written_again(value, used);
	}
	promise(varint_read(&reader) == 0 && reader.position <= size_bytes);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const uint8_t SEEDS[][12] = {
		{ 0, 1, 0x7f, 0x80, 1, 0xff, 0x7f, 0x80, 0x80, 0, 5, 6 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x80, 0 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x80, 0 },
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], sizeof *SEEDS, ret_bytes, room)
		       : 0;
}

/* SPDX-License-Identifier: MIT */
/* table, behind ACPI's header of 36 bytes      entry
 * offset  size  field                          offset  size  field
 *     36     4  header's size: 32                   0     1  action
 *     40     7  PCI device                          1     1  instruction, bit 7: keep other bits
 *     48     4  period of a count, ms               4     1  0 memory, 1 I/O space
 *     52     4  highest count                       5     1  width of the register, bits
 *     56     4  lowest count                        6     1  bit offset
 *     60     1  flags, bit 0: enabled               7     1  access: 1 byte, 2 word, 3 double word
 *     64     4  number of entries                   8     8  address
 *     68        entries                            16     4  value
 *                                                  20     4  mask */
#include "wdat.h"

#include "bytes.h"

enum {
	OFFSET_TABLE_SIZE = 4,
	OFFSET_HEADER_SIZE = 36,
	OFFSET_PERIOD = 48,
	OFFSET_COUNT_MAX = 52,
	OFFSET_COUNT_MIN = 56,
	OFFSET_FLAGS = 60,
	OFFSET_ENTRY_COUNT = 64,
	OFFSET_ENTRIES = 68,
	ENTRY_SIZE = 24,
	HEADER_SIZE = 32,
	FLAG_ENABLED = 1,
	WRITE_VALUE = 2,
	WRITE_COUNT = 3,
	KEEP = 0x80,
	SPACE_MEMORY = 0,
	SPACE_IO = 1,
};

static bool checksum_is_right(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size_bytes; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum == 0;
}

bool wdat_decode(const uint8_t *bytes, size_t size_bytes, struct wdat *ret_wdat)
{
	struct wdat wdat;

	if (size_bytes < OFFSET_ENTRIES || size_bytes > WDAT_SIZE_MAX ||
	    !bytes_equal(bytes, (const uint8_t *)"WDAT", 4) ||
	    bytes_load_u32(bytes + OFFSET_TABLE_SIZE) != size_bytes ||
	    !checksum_is_right(bytes, size_bytes) ||
	    bytes_load_u32(bytes + OFFSET_HEADER_SIZE) != HEADER_SIZE ||
	    (bytes[OFFSET_FLAGS] & FLAG_ENABLED) == 0)
		return false;
	wdat = (struct wdat){
		.entries = bytes + OFFSET_ENTRIES,
		.entry_count = bytes_load_u32(bytes + OFFSET_ENTRY_COUNT),
		.period_ms = bytes_load_u32(bytes + OFFSET_PERIOD),
		.count_min = bytes_load_u32(bytes + OFFSET_COUNT_MIN),
		.count_max = bytes_load_u32(bytes + OFFSET_COUNT_MAX),
	};
	if (wdat.entry_count > (size_bytes - OFFSET_ENTRIES) / ENTRY_SIZE || wdat.period_ms == 0 ||
	    wdat.count_min > wdat.count_max || wdat.count_max == 0)
		return false;
	*ret_wdat = wdat;
	return true;
}

uint32_t wdat_count(const struct wdat *wdat, unsigned seconds)
{
	const uint64_t count = ((uint64_t)seconds * 1000 + wdat->period_ms - 1) / wdat->period_ms;

	if (count < wdat->count_min)
		return wdat->count_min;
	return count > wdat->count_max ? wdat->count_max : (uint32_t)count;
}

/* Of the access if it says so, else of the register; 0: no size that we can write. */
static unsigned register_size(const uint8_t *entry)
{
	const uint8_t access = entry[7];
	const uint8_t bits = entry[5];

	if (access >= 1 && access <= 3)
		return 1U << (access - 1);
	return access == 0 && (bits == 8 || bits == 16 || bits == 32) ? bits / 8U : 0;
}

static bool write_decode(const uint8_t *entry, uint32_t count, struct wdat_write *ret_write)
{
	const unsigned instruction = entry[1] & ~(unsigned)KEEP;
	const unsigned shift = entry[6];
	const uint32_t mask = bytes_load_u32(entry + 20);
	const uint32_t value = instruction == WRITE_COUNT ? count : bytes_load_u32(entry + 16);

	if ((instruction != WRITE_VALUE && instruction != WRITE_COUNT) || shift > 31 ||
	    entry[4] > SPACE_IO || register_size(entry) == 0)
		return false;
	*ret_write = (struct wdat_write){
		.address = bytes_load_u64(entry + 8),
		.in_memory = entry[4] == SPACE_MEMORY,
		.size_bytes = register_size(entry),
		.keep = (entry[1] & KEEP) != 0,
		.mask = mask << shift,
		.bits = (value & mask) << shift,
	};
	return true;
}

bool wdat_step(const struct wdat *wdat, enum wdat_action action, uint32_t count, unsigned *next,
	       struct wdat_write *ret_write)
{
	while (*next < wdat->entry_count) {
		const uint8_t *entry = wdat->entries + (size_t)ENTRY_SIZE * (*next)++;

		if (entry[0] == action && write_decode(entry, count, ret_write))
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
/* ACPI's watchdog table, and kernel arguments, as azboot reads them. */
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "kernelarg.h"
#include "wdat.h"

static volatile uint64_t sink;

static void steps_walk(const struct wdat *wdat)
{
	struct wdat_write write;

	for (unsigned action = 0; action < 256; action++)
		for (unsigned next = 0;
		     wdat_step(wdat, (enum wdat_action)action, UINT32_MAX, &next, &write);)
			sink = write.address + write.bits + write.size_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct wdat wdat;

	sink = kernelarg_watchdog_s((const char *)bytes, size_bytes);
	if (wdat_decode(bytes, size_bytes, &wdat)) {
		sink = wdat_count(&wdat, UINT32_MAX);
		steps_walk(&wdat);
	}
	return 0;
}

static void checksum_set(uint8_t *table, size_t size_bytes)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size_bytes; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)(table[9] - sum);
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char TEXT[] = "quiet x=\"a b\" azupdate.watchdog=60 -- y=1";
	enum { HEAD = 68, ENTRY = 24, ENTRIES = 8, SIZE = HEAD + ENTRIES * ENTRY };

	if (number == 0) {
		memcpy(ret_bytes, TEXT, sizeof TEXT);
		return sizeof TEXT;
	}
	if (number > 4 || room < SIZE)
		return 0;
	memset(ret_bytes, (int)number, SIZE);
	memcpy(ret_bytes, "WDAT", 4);
	bytes_store_u32(ret_bytes + 4, SIZE);
	bytes_store_u32(ret_bytes + 36, 32);
	ret_bytes[60] = 1;
	bytes_store_u32(ret_bytes + 64, ENTRIES);
	for (unsigned i = 0; i < ENTRIES; i++)
		ret_bytes[HEAD + ENTRY * i + 1] = (uint8_t)(0x80 + number);
	checksum_set(ret_bytes, SIZE);
	return SIZE;
}

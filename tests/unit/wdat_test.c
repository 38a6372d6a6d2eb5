/* SPDX-License-Identifier: MIT */
#include "wdat.h"

#include <string.h>

#include "bytes.h"
#include "tap.h"

enum { HEAD = 68, ENTRY = 24, ENTRIES = 6, SIZE = HEAD + ENTRIES * ENTRY };

static void checksum_set(uint8_t *table, size_t size_bytes)
{
	uint8_t sum = 0;

	table[9] = 0;
	for (size_t i = 0; i < size_bytes; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;
}

/* action, instruction, space, register's bits, bit offset, access; address, value, mask */
static void entry_make(uint8_t *entry, const uint8_t bytes[static 6], uint64_t address,
		       uint32_t value, uint32_t mask)
{
	entry[0] = bytes[0];
	entry[1] = bytes[1];
	bytes_copy(entry + 4, bytes + 2, 4);
	bytes_store_u64(entry + 8, address);
	bytes_store_u32(entry + 16, value);
	bytes_store_u32(entry + 20, mask);
}

/* A chipset's watchdog, and entries that nothing can be made of. */
static void table_make(uint8_t table[static SIZE])
{
	memset(table, 0, SIZE);
	memcpy(table, "WDAT", 4);
	bytes_store_u32(table + 4, SIZE);
	bytes_store_u32(table + 36, 32);
	bytes_store_u32(table + 48, 600);
	bytes_store_u32(table + 52, 1023);
	bytes_store_u32(table + 56, 2);
	table[60] = 1;
	bytes_store_u32(table + 64, ENTRIES);
	entry_make(table + HEAD, (uint8_t[]){ 0x06, 0x83, 1, 16, 0, 2 }, 0x672, 0, 0x3ff);
	entry_make(table + HEAD + ENTRY, (uint8_t[]){ 0x09, 0x82, 1, 16, 11, 0 }, 0x668, 0, 1);
	entry_make(table + HEAD + 2 * ENTRY, (uint8_t[]){ 0x0b, 0x82, 1, 0, 11, 0 }, 0x668, 1, 1);
	entry_make(table + HEAD + 3 * ENTRY, (uint8_t[]){ 0x08, 0x00, 1, 16, 11, 2 }, 0x668, 0, 1);
	entry_make(table + HEAD + 4 * ENTRY, (uint8_t[]){ 0x01, 0x02, 2, 16, 0, 2 }, 0x660, 1, 1);
	entry_make(table + HEAD + 5 * ENTRY, (uint8_t[]){ 0x01, 0x02, 0, 32, 4, 3 }, 0xfed00000,
		   0x1f, 0xf);
	checksum_set(table, SIZE);
}

static void test_decode(void)
{
	uint8_t table[SIZE];
	struct wdat wdat;

	table_make(table);
	expect(wdat_decode(table, SIZE, &wdat));
	expect(wdat.entry_count == ENTRIES && wdat.entries == table + HEAD);
	expect(wdat.period_ms == 600 && wdat.count_min == 2 && wdat.count_max == 1023);
	for (size_t size = 0; size < SIZE; size++)
		expect(!wdat_decode(table, size, &wdat));
	for (size_t i = 0; i < SIZE; i++) {
		table[i] ^= 0x10;
		expect(!wdat_decode(table, SIZE, &wdat));
		table[i] ^= 0x10;
	}
}

static void test_refused(void)
{
	static const struct {
		unsigned at;
		uint32_t value;
	} ROWS[] = {
		{ 0, 0x58585858 }, /* another table */
		{ 36, 31 },        /* another header */
		{ 48, 0 },         /* a count that takes no time */
		{ 52, 1 },         /* a highest below the lowest */
		{ 60, 0 },         /* not enabled */
		{ 64, ENTRIES + 1 }, { 64, UINT32_MAX },
	};
	struct wdat wdat = { .period_ms = 77 };

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		uint8_t table[SIZE];

		table_make(table);
		bytes_store_u32(table + ROWS[i].at, ROWS[i].value);
		checksum_set(table, SIZE);
		expect(!wdat_decode(table, SIZE, &wdat) && wdat.period_ms == 77);
	}
}

static void test_count(void)
{
	const struct wdat wdat = { .period_ms = 600, .count_min = 2, .count_max = 1023 };

	expect(wdat_count(&wdat, 60) == 100);
	expect(wdat_count(&wdat, 1) == 2);
	expect(wdat_count(&wdat, 2) == 4);
	expect(wdat_count(&wdat, 3600) == 1023);
	expect(wdat_count(&wdat, UINT32_MAX) == 1023);
}

static bool writes_once(const struct wdat *wdat, enum wdat_action action,
			const struct wdat_write *wanted)
{
	struct wdat_write write;
	unsigned next = 0;

	return wdat_step(wdat, action, 0x7ff, &next, &write) && write.address == wanted->address &&
	       write.in_memory == wanted->in_memory && write.size_bytes == wanted->size_bytes &&
	       write.keep == wanted->keep && write.mask == wanted->mask &&
	       write.bits == wanted->bits && !wdat_step(wdat, action, 0x7ff, &next, &write);
}

static void test_steps(void)
{
	uint8_t table[SIZE];
	struct wdat wdat;
	struct wdat_write write;
	unsigned next = 0;

	table_make(table);
	expect(wdat_decode(table, SIZE, &wdat));
	expect(writes_once(&wdat, WDAT_SET_COUNT,
			   &(struct wdat_write){ 0x672, false, 2, true, 0x3ff, 0x3ff }));
	expect(writes_once(&wdat, WDAT_SET_RUNNING,
			   &(struct wdat_write){ 0x668, false, 2, true, 0x800, 0 }));
	expect(writes_once(&wdat, WDAT_RESET,
			   &(struct wdat_write){ 0xfed00000, true, 4, false, 0xf0, 0xf0 }));
	/* No size is no register. */
	expect(!wdat_step(&wdat, WDAT_SET_STOPPED, 0, &next, &write) && next == ENTRIES);
}

static const struct tap_case CASES[] = {
	{ "decode", test_decode },
	{ "refused", test_refused },
	{ "count", test_count },
	{ "steps", test_steps },
};
TAP_MAIN(CASES)

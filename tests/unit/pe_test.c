/* SPDX-License-Identifier: MIT */
#include "pe.h"

#include <string.h>

#include "bytes.h"
#include "tap.h"

enum { SIZE = 1024, COFF = 64, TABLE = COFF + 24 + 112 };

/* A PE32+ file with two sections, made by hand from the specification. */
static void pe_sample(uint8_t bytes[static SIZE])
{
	memset(bytes, 0, SIZE);
	memcpy(bytes, "MZ", 2);
	bytes_store_u32(bytes + 60, COFF);
	memcpy(bytes + COFF, "PE\0\0", 4);
	bytes_store_u16(bytes + COFF + 4, PE_MACHINE_X86_64);
	bytes_store_u16(bytes + COFF + 6, 2);
	bytes_store_u16(bytes + COFF + 20, 112);
	bytes_store_u16(bytes + COFF + 24, 0x20b);
	bytes_store_u32(bytes + COFF + 24 + 60, 512);
	memcpy(bytes + TABLE, ".text\0\0\0", 8);
	bytes_store_u32(bytes + TABLE + 8, 10);
	bytes_store_u32(bytes + TABLE + 12, 4096);
	bytes_store_u32(bytes + TABLE + 16, 256);
	bytes_store_u32(bytes + TABLE + 20, 512);
	memcpy(bytes + TABLE + 40, ".cmdline", 8);
	bytes_store_u32(bytes + TABLE + 48, 300);
	bytes_store_u32(bytes + TABLE + 52, 8192);
	bytes_store_u32(bytes + TABLE + 56, 256);
	bytes_store_u32(bytes + TABLE + 60, 768);
}

static void test_find(void)
{
	uint8_t bytes[SIZE];
	struct pe pe;
	struct pe_section section;

	pe_sample(bytes);
	expect(pe_decode(bytes, SIZE, &pe) == FAULT_OK);
	expect(pe.machine == PE_MACHINE_X86_64 && pe.section_count == 2 && pe.headers_size == 512);
	expect(pe_find(&pe, bytes, ".text", &section) == FAULT_OK);
	expect(section.file_offset == 512 && section.size_bytes == 10);
	expect(pe_find(&pe, bytes, ".cmdline", &section) == FAULT_OK);
	expect(section.size_bytes == 256);
	expect(pe_find(&pe, bytes, ".cmdlin", &section) == FAULT_PE_SECTION);
	expect(pe_find(&pe, bytes, ".cmdline2", &section) == FAULT_PE_SECTION);
	expect(pe_find(&pe, bytes, ".tex", &section) == FAULT_PE_SECTION);
}

/* Cut anywhere and change any byte: sections stay inside of the bytes (ASan watches). */
static void test_hostile(void)
{
	uint8_t bytes[SIZE];
	struct pe pe;

	for (size_t size = 0; size < SIZE; size++) {
		pe_sample(bytes);
		expect(pe_decode(bytes, size, &pe) != FAULT_OK);
	}
	for (size_t at = 0; at < SIZE; at++)
		for (unsigned value = 0; value < 256; value++) {
			pe_sample(bytes);
			bytes[at] = (uint8_t)value;
			if (pe_decode(bytes, SIZE, &pe) != FAULT_OK)
				continue;
			for (unsigned i = 0; i < pe.section_count; i++) {
				struct pe_section section;

				pe_section_get(&pe, bytes, i, &section);
				expect((uint64_t)section.file_offset + section.size_bytes <= SIZE);
			}
		}
}

static const struct tap_case CASES[] = {
	{ "sections by name", test_find },
	{ "truncated and changed", test_hostile },
};
TAP_MAIN(CASES)

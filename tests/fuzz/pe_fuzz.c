/* SPDX-License-Identifier: MIT */
/* PE files and the os-release text in them, as azboot and azbundle read them; and as a second
 * reader does, which keeps nothing and looks at the bytes anew for each question. */
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "osrel.h"
#include "pcr11.h"
#include "pe.h"

static volatile uint8_t sink;

/* Little-endian, 0 outside of the bytes. */
static uint32_t number_at(GBytes *file, uint64_t at, unsigned size_bytes)
{
	gsize room;
	const uint8_t *bytes = g_bytes_get_data(file, &room);
	uint32_t number = 0;

	for (unsigned i = 0; i < size_bytes && at + i < room; i++)
		number |= (uint32_t)bytes[at + i] << (8 * i);
	return number;
}

static void second_reader(GBytes *file, const struct pe *pe)
{
	const uint64_t size = g_bytes_get_size(file);
	const uint64_t coff = number_at(file, 60, 4);
	const uint64_t table = coff + 24 + number_at(file, coff + 20, 2);
	const unsigned count = number_at(file, coff + 6, 2);

	promise(number_at(file, 0, 2) == 0x5a4d && number_at(file, coff, 4) == 0x4550);
	promise(pe->machine == number_at(file, coff + 4, 2) && pe->section_count == count);
	promise(count <= PE_SECTIONS_MAX && table + count * 40 <= size);
	for (unsigned i = 0; i < count; i++) {
		const uint64_t entry = table + i * 40;
		struct pe_section section;

		pe_section_get(pe, g_bytes_get_data(file, NULL), i, &section);
		promise(section.file_offset == number_at(file, entry + 20, 4));
		promise(section.size_bytes ==
			MIN(number_at(file, entry + 8, 4), number_at(file, entry + 16, 4)));
		promise((uint64_t)section.file_offset + section.size_bytes <= size);
		promise(strlen(section.name) <= 8 &&
			(uint8_t)section.name[0] == number_at(file, entry, 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) file = g_bytes_new_static(bytes, size_bytes);
	g_autofree char *pcr = pcr11_predict_sha256(file, NULL);
	struct pe pe;
	struct pe_section section;
	uint64_t version;

	if (pe_decode(bytes, size_bytes, &pe) == FAULT_OK) {
		second_reader(file, &pe);
		for (unsigned i = 0; i < pe.section_count; i++) {
			pe_section_get(&pe, bytes, i, &section);
			if (section.size_bytes > 0)
				sink = bytes[section.file_offset + section.size_bytes - 1];
		}
		if (pe_find(&pe, bytes, ".osrel", &section) == FAULT_OK)
			(void)osrel_security_version(bytes + section.file_offset,
						     section.size_bytes, &version);
	}
	(void)osrel_security_version(bytes, size_bytes, &version); /* only crashes count */
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char TEXT[] = "ID=x\nAZUPDATE_SECURITY_VERSION=\"12\"\n";
	enum { COFF = 64, TABLE = COFF + 24 + 112, SIZE = 1024 };

	if (number == 1) {
		memcpy(ret_bytes, TEXT, sizeof TEXT);
		return sizeof TEXT;
	}
	if (number > 1 || room < SIZE)
		return 0;
	memset(ret_bytes, 0, SIZE);
	memcpy(ret_bytes, "MZ", 2);
	bytes_store_u32(ret_bytes + 60, COFF);
	memcpy(ret_bytes + COFF, "PE\0\0", 4);
	bytes_store_u16(ret_bytes + COFF + 6, 1);
	bytes_store_u16(ret_bytes + COFF + 20, 112);
	bytes_store_u16(ret_bytes + COFF + 24, 0x20b);
	memcpy(ret_bytes + TABLE, ".osrel\0\0", 8);
	bytes_store_u32(ret_bytes + TABLE + 8, sizeof TEXT);
	bytes_store_u32(ret_bytes + TABLE + 16, 512);
	bytes_store_u32(ret_bytes + TABLE + 20, 512);
	memcpy(ret_bytes + 512, TEXT, sizeof TEXT);
	return SIZE;
}

/* SPDX-License-Identifier: MIT */
#include "pe.h"

#include <stdbool.h>

#include "bytes.h"
#include "check.h"

enum {
	DOS_SIZE = 64,
	DOS_PE_OFFSET = 60,
	COFF_SIZE = 24, /* signature and COFF header */
	COFF_MACHINE = 4,
	COFF_SECTIONS = 6,
	COFF_OPTIONAL_SIZE = 20,
	OPTIONAL_SIZE_MIN = 112, /* PE32+ up to the data directories */
	OPTIONAL_SECTION_ALIGNMENT = 32,
	OPTIONAL_FILE_ALIGNMENT = 36,
	OPTIONAL_HEADERS_SIZE = 60,
	OPTIONAL_MAGIC_PE32_PLUS = 0x20b,
	SECTION_SIZE = 40,
	NAME_SIZE = 8,
};

void pe_section_get(const struct pe *pe, const uint8_t *bytes, unsigned index,
		    struct pe_section *ret_section)
{
	const uint8_t *entry = bytes + pe->section_table_offset + (size_t)index * SECTION_SIZE;

	check(index < pe->section_count);
	bytes_copy((uint8_t *)ret_section->name, entry, NAME_SIZE);
	ret_section->name[NAME_SIZE] = '\0';
	ret_section->virtual_size = bytes_load_u32(entry + 8);
	ret_section->virtual_address = bytes_load_u32(entry + 12);
	ret_section->file_size = bytes_load_u32(entry + 16);
	ret_section->file_offset = bytes_load_u32(entry + 20);
	ret_section->size_bytes = ret_section->virtual_size < ret_section->file_size
					  ? ret_section->virtual_size
					  : ret_section->file_size;
}

fault pe_decode(const uint8_t *bytes, size_t size_bytes, struct pe *ret_pe)
{
	struct pe pe;
	uint64_t coff;
	uint64_t optional_size;

	if (size_bytes < DOS_SIZE || bytes[0] != 'M' || bytes[1] != 'Z')
		return FAULT_PE_MAGIC;
	coff = bytes_load_u32(bytes + DOS_PE_OFFSET);
	if (!bytes_range_is_inside(coff, COFF_SIZE + OPTIONAL_SIZE_MIN, size_bytes))
		return FAULT_PE_RANGE;
	if (bytes_load_u32(bytes + coff) != 0x00004550)
		return FAULT_PE_MAGIC;
	pe.machine = bytes_load_u16(bytes + coff + COFF_MACHINE);
	pe.section_count = bytes_load_u16(bytes + coff + COFF_SECTIONS);
	optional_size = bytes_load_u16(bytes + coff + COFF_OPTIONAL_SIZE);
	pe.optional_offset = (size_t)coff + COFF_SIZE;
	if (optional_size < OPTIONAL_SIZE_MIN || pe.section_count > PE_SECTIONS_MAX)
		return FAULT_PE_RANGE;
	if (bytes_load_u16(bytes + pe.optional_offset) != OPTIONAL_MAGIC_PE32_PLUS)
		return FAULT_PE_MAGIC;
	pe.section_alignment = bytes_load_u32(bytes + pe.optional_offset +
					      OPTIONAL_SECTION_ALIGNMENT);
	pe.file_alignment = bytes_load_u32(bytes + pe.optional_offset + OPTIONAL_FILE_ALIGNMENT);
	pe.headers_size = bytes_load_u32(bytes + pe.optional_offset + OPTIONAL_HEADERS_SIZE);
	pe.section_table_offset = pe.optional_offset + (size_t)optional_size;
	if (!bytes_range_is_inside(pe.section_table_offset,
				   (uint64_t)pe.section_count * SECTION_SIZE, size_bytes))
		return FAULT_PE_RANGE;

	for (unsigned i = 0; i < pe.section_count; i++) {
		struct pe_section section;

		pe_section_get(&pe, bytes, i, &section);
		if (!bytes_range_is_inside(section.file_offset, section.file_size, size_bytes))
			return FAULT_PE_RANGE;
	}
	*ret_pe = pe;
	return FAULT_OK;
}

static bool name_is(const char *name, const char *wanted)
{
	unsigned i = 0;

	for (; wanted[i] != '\0'; i++)
		if (i == NAME_SIZE || name[i] != wanted[i])
			return false;
	return name[i] == '\0';
}

fault pe_find(const struct pe *pe, const uint8_t *bytes, const char *name,
	      struct pe_section *ret_section)
{
	for (unsigned i = 0; i < pe->section_count; i++) {
		struct pe_section section;

		pe_section_get(pe, bytes, i, &section);
		if (name_is(section.name, name)) {
			*ret_section = section;
			return FAULT_OK;
		}
	}
	return FAULT_PE_SECTION;
}

/* SPDX-License-Identifier: MIT */
#pragma once
/* PE/COFF: finds sections of an EFI program that is wholly in memory, and measures its layout.
 * The bytes may be hostile. Format: Microsoft PE/COFF specification, sections 2 to 4. */

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum {
	PE_SECTIONS_MAX = 96, /* the Windows loader's own limit */
	PE_MACHINE_X86_64 = 0x8664,
	PE_MACHINE_AARCH64 = 0xaa64,
};

struct pe_section {
	char name[9]; /* NUL-terminated */
	uint32_t virtual_address;
	uint32_t virtual_size;
	uint32_t file_offset;
	uint32_t file_size;
	uint32_t size_bytes; /* content: the smaller of virtual and file size */
};

struct pe {
	uint16_t machine;
	unsigned section_count;
	size_t section_table_offset;
	uint32_t headers_size; /* SizeOfHeaders */
	uint32_t section_alignment;
	uint32_t file_alignment;
	size_t optional_offset; /* of the optional header */
};

/* FAULT_PE_MAGIC, FAULT_PE_RANGE. Every section's file range is inside the bytes afterwards. */
fault pe_decode(const uint8_t *bytes, size_t size_bytes, struct pe *ret_pe);

/* `index` is below pe->section_count. */
void pe_section_get(const struct pe *pe, const uint8_t *bytes, unsigned index,
		    struct pe_section *ret_section);

/* The first section of that name, as systemd-stub takes it. FAULT_PE_SECTION: there is none. */
fault pe_find(const struct pe *pe, const uint8_t *bytes, const char *name,
	      struct pe_section *ret_section);

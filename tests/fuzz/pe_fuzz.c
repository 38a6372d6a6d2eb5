/* SPDX-License-Identifier: MIT */
/* PE files and the os-release text in them, as azboot and azbundle read them. */
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "osrel.h"
#include "pcr11.h"
#include "pe.h"

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) file = g_bytes_new_static(bytes, size_bytes);
	g_autofree char *pcr = pcr11_predict_sha256(file, NULL);
	struct pe pe;
	struct pe_section section;
	uint64_t version;

	if (pe_decode(bytes, size_bytes, &pe) == FAULT_OK) {
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

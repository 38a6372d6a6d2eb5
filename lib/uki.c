/* SPDX-License-Identifier: MIT */
#include "uki.h"

#include <string.h>

#include "bytes.h"
#include "failure.h"
#include "faulttext.h"
#include "pe.h"

enum {
	SECTION_ENTRY_SIZE = 40,
	SECTION_READ_DATA = 0x40000040, /* initialized data, readable */
	COFF_SECTION_COUNT = -24 + 6,   /* from the optional header */
	OPTIONAL_IMAGE_SIZE = 56,
	OPTIONAL_HEADERS_SIZE = 60,
	OPTIONAL_CHECKSUM = 64,
	OPTIONAL_CERTIFICATES = 112 + 4 * 8, /* data directory 4 */
	ENTRY_RAW_POINTER = 20,
};

static uint64_t align_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static gboolean uki_decode(GBytes *file, struct pe *ret_pe, const uint8_t **ret_data,
			   GError **error)
{
	gsize size_bytes;
	fault why;

	*ret_data = g_bytes_get_data(file, &size_bytes);
	why = pe_decode(*ret_data, size_bytes, ret_pe);
	if (why != FAULT_OK)
		return failure_set(error, why, "%s", faulttext_find(why)->sentence);
	return TRUE;
}

gboolean uki_check(GBytes *uki, GError **error)
{
	struct pe pe;
	const uint8_t *data;

	return uki_decode(uki, &pe, &data, error);
}

GBytes *uki_section_get(GBytes *uki, const char *name, GError **error)
{
	struct pe pe;
	struct pe_section section;
	const uint8_t *data;

	if (!uki_decode(uki, &pe, &data, error))
		return NULL;
	if (pe_find(&pe, data, name, &section) != FAULT_OK) {
		failure_set(error, FAULT_PE_SECTION, "the UKI has no section %s", name);
		return NULL;
	}
	return g_bytes_new_from_bytes(uki, section.file_offset, section.size_bytes);
}

/* Moves everything behind the headers by a multiple of the file alignment, if the section table
 * would not fit otherwise: only the sections' file offsets change, not one address. */
static gboolean headers_grow(GByteArray *file, struct pe *pe, unsigned count, GError **error)
{
	const size_t table_end = pe->section_table_offset +
				 (size_t)(pe->section_count + count) * SECTION_ENTRY_SIZE;
	struct pe_section first;
	uint32_t grow;

	pe_section_get(pe, file->data, 0, &first);
	if (table_end <= pe->headers_size)
		return TRUE;
	grow = (uint32_t)align_up(table_end - pe->headers_size, pe->file_alignment);
	if (pe->headers_size + grow > first.virtual_address)
		return failure_set(error, FAULT_PE_ROOM,
				   "the stub has no room for %u more sections", count);
	for (unsigned i = 0; i < pe->section_count; i++) {
		uint8_t *entry = file->data + pe->section_table_offset + i * SECTION_ENTRY_SIZE +
				 ENTRY_RAW_POINTER;

		if (bytes_load_u32(entry) != 0)
			bytes_store_u32(entry, bytes_load_u32(entry) + grow);
	}
	g_byte_array_set_size(file, file->len + grow);
	memmove(file->data + pe->headers_size + grow, file->data + pe->headers_size,
		file->len - grow - pe->headers_size);
	memset(file->data + pe->headers_size, 0, grow);
	pe->headers_size += grow;
	bytes_store_u32(file->data + pe->optional_offset + OPTIONAL_HEADERS_SIZE, pe->headers_size);
	return TRUE;
}

/* Debian's stub is aligned to 512 bytes; what is added gets pages of its own all the same. */
static uint64_t page_size(const struct pe *pe)
{
	return MAX(pe->section_alignment, 4096);
}

static uint64_t virtual_end(const struct pe *pe, const uint8_t *data)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < pe->section_count; i++) {
		struct pe_section section;

		pe_section_get(pe, data, i, &section);
		end = MAX(end, (uint64_t)section.virtual_address + section.virtual_size);
	}
	return align_up(end, page_size(pe));
}

static void section_append(GByteArray *file, const struct pe *pe, unsigned index,
			   const struct uki_section *section, uint64_t address)
{
	gsize size_bytes;
	const uint8_t *content = g_bytes_get_data(section->content, &size_bytes);
	const guint start = (guint)align_up(file->len, pe->file_alignment);
	const guint padded = (guint)align_up(size_bytes, pe->file_alignment);
	const guint old = file->len;
	uint8_t *entry;

	g_byte_array_set_size(file, start + padded);
	memset(file->data + old, 0, start + padded - old);
	memcpy(file->data + start, content, size_bytes);
	entry = file->data + pe->section_table_offset + index * SECTION_ENTRY_SIZE;
	memset(entry, 0, SECTION_ENTRY_SIZE);
	memcpy(entry, section->name, strnlen(section->name, 8));
	bytes_store_u32(entry + 8, (uint32_t)size_bytes);
	bytes_store_u32(entry + 12, (uint32_t)address);
	bytes_store_u32(entry + 16, padded);
	bytes_store_u32(entry + 20, start);
	bytes_store_u32(entry + 36, SECTION_READ_DATA);
}

static gboolean stub_check(const struct pe *pe, const struct uki_section *sections, unsigned count,
			   GError **error)
{
	uint64_t total = 0;

	if (pe->file_alignment < 512 || pe->section_alignment < 512 || pe->section_count == 0 ||
	    pe->section_count + count > PE_SECTIONS_MAX)
		return failure_set(error, FAULT_PE_RANGE,
				   "the stub's alignment or sections are odd");
	for (unsigned i = 0; i < count; i++)
		total += g_bytes_get_size(sections[i].content);
	if (total > G_MAXINT32)
		return failure_set(error, FAULT_PE_RANGE,
				   "kernel and initrd together have more than 2 GiB");
	return TRUE;
}

GBytes *uki_build(GBytes *stub, const struct uki_section *sections, unsigned count, GError **error)
{
	g_autoptr(GByteArray) file = g_byte_array_new();
	struct pe pe;
	const uint8_t *data;
	uint64_t address;

	if (!uki_decode(stub, &pe, &data, error) || !stub_check(&pe, sections, count, error))
		return NULL;
	g_byte_array_append(file, data, (guint)g_bytes_get_size(stub));
	if (!headers_grow(file, &pe, count, error))
		return NULL;
	address = virtual_end(&pe, file->data);
	for (unsigned i = 0; i < count; i++) {
		section_append(file, &pe, pe.section_count + i, &sections[i], address);
		address = align_up(address + g_bytes_get_size(sections[i].content), page_size(&pe));
	}
	bytes_store_u16(file->data + pe.optional_offset + COFF_SECTION_COUNT,
			(uint16_t)(pe.section_count + count));
	bytes_store_u32(file->data + pe.optional_offset + OPTIONAL_IMAGE_SIZE, (uint32_t)address);
	bytes_store_u32(file->data + pe.optional_offset + OPTIONAL_CHECKSUM, 0);
	/* A signature of the stub alone says nothing about the whole. */
	memset(file->data + pe.optional_offset + OPTIONAL_CERTIFICATES, 0, 8);
	return g_byte_array_free_to_bytes(g_steal_pointer(&file));
}

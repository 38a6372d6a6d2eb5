/* SPDX-License-Identifier: MIT */
#include "recode.h"

#include "bytes.h"
#include "lazymatch.h"
#include "pe.h"
#include "recode_gzip.h"
#include "recode_lz4.h"

/* A part of a file. */
struct part {
	const uint8_t *file;
	size_t offset;
	size_t size_bytes;
};

/* The fields of the Linux boot protocol that matter (Documentation/arch/x86/boot.rst). */
enum {
	BZIMAGE_SECTORS = 0x1f1,
	BZIMAGE_MAGIC_OFFSET = 0x202,
	BZIMAGE_MAGIC = 0x53726448, /* HdrS */
	BZIMAGE_VERSION = 0x206,
	BZIMAGE_VERSION_PAYLOAD = 0x208,
	BZIMAGE_PAYLOAD_OFFSET = 0x248,
	BZIMAGE_PAYLOAD_SIZE = 0x24c,
	BZIMAGE_HEADER_SIZE = 0x250,
	SECTOR_SIZE = 512,
};

/* An EFI zboot image (drivers/firmware/efi/libstub of the kernel): arm64 and others. */
enum {
	ZBOOT_MAGIC_OFFSET = 4,
	ZBOOT_MAGIC = 0x676d697a, /* zimg */
	ZBOOT_PAYLOAD_OFFSET = 8,
	ZBOOT_PAYLOAD_SIZE = 12,
	ZBOOT_HEADER_SIZE = 56,
};

static void span_add(GArray *spans, enum recode_kind kind, size_t offset, size_t size_bytes)
{
	const struct recode_span span = { kind, offset, size_bytes };

	g_array_append_val(spans, span);
}

static const uint8_t *part_bytes(struct part part)
{
	return part.file + part.offset;
}

static struct part part_from(struct part part, size_t offset)
{
	return (struct part){ part.file, part.offset + offset, part.size_bytes - offset };
}

/* gzip members, one after another. */
static void gzip_find(struct part part, GArray *spans)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	size_t used;

	while (part.size_bytes > 0 &&
	       recode_gzip_unpack(part_bytes(part), part.size_bytes, raw, &used) == NULL) {
		span_add(spans, RECODE_GZIP, part.offset, used);
		part = part_from(part, used);
	}
}

/* The blocks of an LZ4 legacy frame. What follows the last one is no block that can be read. */
static void lz4_find(struct part part, GArray *spans)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();

	if (part.size_bytes < 4 || bytes_load_u32(part_bytes(part)) != RECODE_LZ4_MAGIC)
		return;
	part = part_from(part, 4);
	while (part.size_bytes > 4) {
		const size_t size = bytes_load_u32(part_bytes(part));

		part = part_from(part, 4);
		if (size > part.size_bytes || !recode_lz4_unpack(part_bytes(part), size, raw))
			return;
		span_add(spans, RECODE_LZ4, part.offset, size);
		part = part_from(part, size);
	}
}

static void payload_find(struct part part, uint64_t offset, uint64_t size_bytes, GArray *spans)
{
	if (!bytes_range_is_inside(offset, size_bytes, part.size_bytes))
		return;
	part.offset += (size_t)offset;
	part.size_bytes = (size_t)size_bytes;
	gzip_find(part, spans);
	lz4_find(part, spans);
}

static void kernel_find(struct part part, GArray *spans)
{
	const uint8_t *bytes = part_bytes(part);

	if (part.size_bytes >= BZIMAGE_HEADER_SIZE &&
	    bytes_load_u32(bytes + BZIMAGE_MAGIC_OFFSET) == BZIMAGE_MAGIC &&
	    bytes_load_u16(bytes + BZIMAGE_VERSION) >= BZIMAGE_VERSION_PAYLOAD) {
		const uint64_t sectors = bytes[BZIMAGE_SECTORS] > 0 ? bytes[BZIMAGE_SECTORS] : 4;

		payload_find(part,
			     (sectors + 1) * SECTOR_SIZE +
				     bytes_load_u32(bytes + BZIMAGE_PAYLOAD_OFFSET),
			     bytes_load_u32(bytes + BZIMAGE_PAYLOAD_SIZE), spans);
	} else if (part.size_bytes >= ZBOOT_HEADER_SIZE &&
		   bytes_load_u32(bytes + ZBOOT_MAGIC_OFFSET) == ZBOOT_MAGIC) {
		payload_find(part, bytes_load_u32(bytes + ZBOOT_PAYLOAD_OFFSET),
			     bytes_load_u32(bytes + ZBOOT_PAYLOAD_SIZE), spans);
	}
}

GArray *recode_find(const uint8_t *bytes, size_t size_bytes)
{
	GArray *spans = g_array_new(FALSE, FALSE, sizeof(struct recode_span));
	struct part part = { bytes, 0, size_bytes };
	struct pe_section section;
	struct pe pe;

	if (size_bytes == 0)
		return spans;
	if (pe_decode(bytes, size_bytes, &pe) == FAULT_OK &&
	    pe_find(&pe, bytes, ".linux", &section) == FAULT_OK) {
		part.offset = section.file_offset;
		part.size_bytes = section.size_bytes;
	}
	kernel_find(part, spans);
	if (spans->len == 0)
		gzip_find(part, spans);
	return spans;
}

gboolean recode_unpack(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes,
		       GByteArray *ret_raw)
{
	size_t used;

	switch (kind) {
	case RECODE_GZIP:
		return recode_gzip_unpack(bytes, size_bytes, ret_raw, &used) == NULL &&
		       used == size_bytes;
	case RECODE_LZ4:
		return recode_lz4_unpack(bytes, size_bytes, ret_raw);
	case RECODE_NONE:
	case RECODE_KIND_COUNT:
		break;
	}
	return FALSE;
}

gboolean recode_split(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes,
		      GByteArray *ret_raw, GByteArray *ret_corrections)
{
	switch (kind) {
	case RECODE_GZIP:
		return recode_gzip_split(bytes, size_bytes, ret_raw, ret_corrections);
	case RECODE_LZ4:
		return recode_lz4_split(bytes, size_bytes, ret_raw, ret_corrections);
	case RECODE_NONE:
	case RECODE_KIND_COUNT:
		break;
	}
	return FALSE;
}

const char *recode_expand(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes,
			  uint8_t *ret_raw, size_t raw_size)
{
	if (raw_size > RECODE_RAW_SIZE_MAX || size_bytes > RECODE_STORED_SIZE_MAX)
		return "the compressed stream is larger than it may be";
	switch (kind) {
	case RECODE_GZIP:
		return recode_gzip_expand(bytes, size_bytes, ret_raw, raw_size);
	case RECODE_LZ4:
		return recode_lz4_expand(bytes, size_bytes, ret_raw, raw_size);
	case RECODE_NONE:
	case RECODE_KIND_COUNT:
		break;
	}
	return "the compressed stream is of an unknown kind";
}

const char *recode_join(enum recode_kind kind, const struct recode_raw *raw, uint8_t *ret_bytes,
			size_t size_bytes)
{
	g_autoptr(Lazymatch) spare = NULL;

	return recode_join_next(kind, raw, &spare, ret_bytes, size_bytes);
}

const char *recode_join_next(enum recode_kind kind, const struct recode_raw *raw,
			     struct lazymatch **spare, uint8_t *ret_bytes, size_t size_bytes)
{
	if (raw->size_bytes > RECODE_RAW_SIZE_MAX || size_bytes > RECODE_STORED_SIZE_MAX)
		return "the compressed stream is larger than it may be";
	switch (kind) {
	case RECODE_GZIP:
		return recode_gzip_join(raw, spare, ret_bytes, size_bytes);
	case RECODE_LZ4:
		return recode_lz4_join(raw, ret_bytes, size_bytes);
	case RECODE_NONE:
	case RECODE_KIND_COUNT:
		break;
	}
	return "the compressed stream is of an unknown kind";
}

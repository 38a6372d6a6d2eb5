/* SPDX-License-Identifier: MIT */
/* Bundle header, 4096 bytes. Little-endian.
 *
 * offset  size  field
 *      0     8  magic "AZBUNDLE"
 *      8     4  CRC-32C of bytes 12 .. 4095
 *     12     2  format of the writer
 *     14     2  lowest format that a reader must know
 *     16     4  manifest size; the manifest stands at 4096
 *     20     4  signature size; it stands right behind the manifest
 *     24     8  size of the whole file
 *     32     4  number of sections, 1 .. 24
 *     36    28  zero
 *     64    64  first section, and so on; the rest is zero
 *
 * one section, in the order in which they stand in the file, without overlapping:
 *      0    16  payload, NUL-padded
 *     16     4  kind: 1 leaf hashes, 2 frame index, 3 frames
 *     20     4  CRC-32C of leaf hashes or index, 0 for frames
 *     24     8  offset in the file
 *     32     8  size
 *     40    24  zero
 *
 * one entry of a frame index:
 *      0     8  first block
 *      8     4  number of blocks, 1 .. 256
 *     12     4  encoding: 0 stored, 1 zstd
 *     16     8  offset from the start of the frames section
 *     24     4  stored size
 *     28     4  CRC-32C of the stored bytes */
#include "bundle.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "crypto.h"
#include "failure.h"
#include "frame.h"

enum {
	OFFSET_CRC = 8,
	OFFSET_FORMAT = 12,
	OFFSET_READER_MIN = 14,
	OFFSET_MANIFEST_SIZE = 16,
	OFFSET_SIGNATURE_SIZE = 20,
	OFFSET_TOTAL = 24,
	OFFSET_SECTION_COUNT = 32,
	OFFSET_SECTIONS = 64,
	SECTION_SIZE = 64,
};
_Static_assert(OFFSET_SECTIONS + BUNDLE_SECTIONS_MAX * SECTION_SIZE <= BUNDLE_HEADER_SIZE,
	       "no room for the sections");

static const uint8_t MAGIC[8] = { 'A', 'Z', 'B', 'U', 'N', 'D', 'L', 'E' };

void bundle_free(struct bundle *bundle)
{
	if (bundle == NULL)
		return;
	g_clear_pointer(&bundle->manifest_bytes, g_bytes_unref);
	g_clear_pointer(&bundle->signature, g_bytes_unref);
	manifest_free(bundle->manifest);
	g_free(bundle->signers);
	g_free(bundle);
}

void bundle_header_encode(const struct bundle_section *sections, unsigned section_count,
			  uint32_t manifest_size, uint32_t signature_size, uint64_t total_bytes,
			  uint8_t ret_bytes[static BUNDLE_HEADER_SIZE])
{
	memset(ret_bytes, 0, BUNDLE_HEADER_SIZE);
	memcpy(ret_bytes, MAGIC, sizeof MAGIC);
	bytes_store_u16(ret_bytes + OFFSET_FORMAT, BUNDLE_FORMAT);
	bytes_store_u16(ret_bytes + OFFSET_READER_MIN, BUNDLE_FORMAT);
	bytes_store_u32(ret_bytes + OFFSET_MANIFEST_SIZE, manifest_size);
	bytes_store_u32(ret_bytes + OFFSET_SIGNATURE_SIZE, signature_size);
	bytes_store_u64(ret_bytes + OFFSET_TOTAL, total_bytes);
	bytes_store_u32(ret_bytes + OFFSET_SECTION_COUNT, section_count);
	for (unsigned i = 0; i < section_count; i++) {
		uint8_t *entry = ret_bytes + OFFSET_SECTIONS + i * SECTION_SIZE;

		memcpy(entry, sections[i].name, BUNDLE_NAME_SIZE);
		bytes_store_u32(entry + 16, sections[i].kind);
		bytes_store_u32(entry + 20, sections[i].crc);
		bytes_store_u64(entry + 24, sections[i].offset);
		bytes_store_u64(entry + 32, sections[i].size_bytes);
	}
	bytes_store_u32(ret_bytes + OFFSET_CRC,
			crc32c(ret_bytes + OFFSET_FORMAT, BUNDLE_HEADER_SIZE - OFFSET_FORMAT));
}

void bundle_frame_encode(const struct bundle_frame *frame,
			 uint8_t ret_bytes[static BUNDLE_FRAME_ENTRY_SIZE])
{
	bytes_store_u64(ret_bytes, frame->first_block);
	bytes_store_u32(ret_bytes + 8, frame->block_count);
	bytes_store_u32(ret_bytes + 12, frame->encoding);
	bytes_store_u64(ret_bytes + 16, frame->offset);
	bytes_store_u32(ret_bytes + 24, frame->stored_size);
	bytes_store_u32(ret_bytes + 28, frame->crc);
}

static gboolean section_decode(const uint8_t *entry, uint64_t start, uint64_t total,
			       struct bundle_section *ret_section, GError **error)
{
	memcpy(ret_section->name, entry, BUNDLE_NAME_SIZE);
	ret_section->kind = bytes_load_u32(entry + 16);
	ret_section->crc = bytes_load_u32(entry + 20);
	ret_section->offset = bytes_load_u64(entry + 24);
	ret_section->size_bytes = bytes_load_u64(entry + 32);
	if (ret_section->name[BUNDLE_NAME_SIZE - 1] != '\0' || ret_section->offset < start ||
	    ret_section->offset > total || ret_section->size_bytes > total - ret_section->offset)
		return failure_set(
			error, FAULT_BUNDLE_RANGE,
			"a section of the bundle lies outside of it or over another one");
	return TRUE;
}

static gboolean sections_decode(struct bundle *bundle, const uint8_t *header, uint64_t start,
				GError **error)
{
	bundle->section_count = bytes_load_u32(header + OFFSET_SECTION_COUNT);
	bundle->total_bytes = bytes_load_u64(header + OFFSET_TOTAL);
	if (bundle->section_count == 0 || bundle->section_count > BUNDLE_SECTIONS_MAX)
		return failure_set(error, FAULT_BUNDLE_RANGE, "the bundle has %u sections",
				   bundle->section_count);
	for (unsigned i = 0; i < bundle->section_count; i++) {
		struct bundle_section *section = &bundle->sections[i];

		if (!section_decode(header + OFFSET_SECTIONS + i * SECTION_SIZE, start,
				    bundle->total_bytes, section, error))
			return FALSE;
		start = section->offset + section->size_bytes;
	}
	return TRUE;
}

static gboolean header_check(const uint8_t *header, GError **error)
{
	if (!bytes_equal(header, MAGIC, sizeof MAGIC))
		return failure_set(error, FAULT_BUNDLE_MAGIC, "it does not start as a bundle does");
	if (bytes_load_u32(header + OFFSET_CRC) !=
	    crc32c(header + OFFSET_FORMAT, BUNDLE_HEADER_SIZE - OFFSET_FORMAT))
		return failure_set(error, FAULT_BUNDLE_CHECKSUM,
				   "the bundle's header has a wrong checksum");
	if (bytes_load_u16(header + OFFSET_READER_MIN) > BUNDLE_FORMAT)
		return failure_set(error, FAULT_BUNDLE_LATER,
				   "the bundle needs a reader of format %u",
				   bytes_load_u16(header + OFFSET_READER_MIN));
	if (bytes_load_u32(header + OFFSET_MANIFEST_SIZE) > MANIFEST_SIZE_MAX)
		return failure_set(error, FAULT_MANIFEST_SIZE, "the manifest has %u bytes",
				   bytes_load_u32(header + OFFSET_MANIFEST_SIZE));
	if (bytes_load_u32(header + OFFSET_SIGNATURE_SIZE) > BUNDLE_SIGNATURE_MAX)
		return failure_set(error, FAULT_SIGNATURE_SIZE, "the signature has %u bytes",
				   bytes_load_u32(header + OFFSET_SIGNATURE_SIZE));
	return TRUE;
}

static GBytes *bytes_fetch(struct source *source, uint64_t offset, size_t size_bytes,
			   GError **error)
{
	g_autofree uint8_t *bytes = g_malloc(MAX(size_bytes, 1));

	if (!source_read(source, offset, bytes, size_bytes, error))
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&bytes), size_bytes);
}

static gboolean head_read(struct bundle *bundle, GError **error)
{
	uint8_t header[BUNDLE_HEADER_SIZE];
	uint32_t manifest_size;
	uint32_t signature_size;

	if (!source_read(bundle->source, 0, header, sizeof header, error) ||
	    !header_check(header, error))
		return FALSE;
	manifest_size = bytes_load_u32(header + OFFSET_MANIFEST_SIZE);
	signature_size = bytes_load_u32(header + OFFSET_SIGNATURE_SIZE);
	if (!sections_decode(bundle, header,
			     (uint64_t)BUNDLE_HEADER_SIZE + manifest_size + signature_size, error))
		return FALSE;
	bundle->manifest_bytes = bytes_fetch(bundle->source, BUNDLE_HEADER_SIZE, manifest_size,
					     error);
	if (bundle->manifest_bytes == NULL)
		return FALSE;
	bundle->signature = bytes_fetch(bundle->source, BUNDLE_HEADER_SIZE + manifest_size,
					signature_size, error);
	return bundle->signature != NULL;
}

struct bundle *bundle_open(struct source *source, const char *keyring, GError **error)
{
	g_autoptr(Bundle) bundle = g_new0(struct bundle, 1);
	const uint8_t *manifest;
	const uint8_t *signature;
	gsize manifest_size;
	gsize signature_size;

	bundle->source = source;
	if (!head_read(bundle, error))
		return NULL;
	manifest = g_bytes_get_data(bundle->manifest_bytes, &manifest_size);
	signature = g_bytes_get_data(bundle->signature, &signature_size);
	if (keyring != NULL && !crypto_cms_verify(manifest, manifest_size, signature,
						  signature_size, keyring, &bundle->signers, error))
		return NULL;
	bundle->manifest = manifest_decode(manifest, manifest_size, error);
	if (bundle->manifest == NULL)
		return NULL;
	return g_steal_pointer(&bundle);
}

const struct bundle_section *bundle_find(const struct bundle *bundle, const char *name,
					 enum bundle_kind kind, GError **error)
{
	for (unsigned i = 0; i < bundle->section_count; i++)
		if (bundle->sections[i].kind == kind && strcmp(bundle->sections[i].name, name) == 0)
			return &bundle->sections[i];
	failure_set(error, FAULT_BUNDLE_RANGE,
		    "the bundle lacks the section of kind %d of payload %s", (int)kind, name);
	return NULL;
}

static gboolean frame_decode(const uint8_t *entry, uint64_t data_blocks, uint64_t frames_size,
			     struct bundle_frame *ret_frame)
{
	ret_frame->first_block = bytes_load_u64(entry);
	ret_frame->block_count = bytes_load_u32(entry + 8);
	ret_frame->encoding = bytes_load_u32(entry + 12);
	ret_frame->offset = bytes_load_u64(entry + 16);
	ret_frame->stored_size = bytes_load_u32(entry + 24);
	ret_frame->crc = bytes_load_u32(entry + 28);
	return ret_frame->block_count > 0 && ret_frame->block_count <= BUNDLE_FRAME_BLOCKS_MAX &&
	       ret_frame->first_block < data_blocks &&
	       ret_frame->block_count <= data_blocks - ret_frame->first_block &&
	       ret_frame->stored_size > 0 && ret_frame->stored_size <= BUNDLE_FRAME_STORED_MAX &&
	       ret_frame->offset <= frames_size &&
	       ret_frame->stored_size <= frames_size - ret_frame->offset;
}

static GArray *index_decode(const uint8_t *bytes, size_t size_bytes, uint64_t data_blocks,
			    uint64_t frames_size, GError **error)
{
	g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(struct bundle_frame));
	uint64_t next_block = 0;
	uint64_t next_offset = 0;

	for (size_t at = 0; at < size_bytes; at += BUNDLE_FRAME_ENTRY_SIZE) {
		struct bundle_frame frame;

		if (!frame_decode(bytes + at, data_blocks, frames_size, &frame) ||
		    frame.first_block < next_block || frame.offset < next_offset) {
			failure_set(error, FAULT_BUNDLE_RANGE, "frame %zu of the bundle cannot be",
				    at / BUNDLE_FRAME_ENTRY_SIZE);
			return NULL;
		}
		next_block = frame.first_block + frame.block_count;
		next_offset = frame.offset + frame.stored_size;
		g_array_append_val(frames, frame);
	}
	return g_steal_pointer(&frames);
}

GArray *bundle_index_read(const struct bundle *bundle, const char *name, uint64_t data_blocks,
			  GError **error)
{
	const struct bundle_section *index = bundle_find(bundle, name, BUNDLE_INDEX, error);
	const struct bundle_section *frames = index != NULL ? bundle_find(bundle, name,
									  BUNDLE_FRAMES, error)
							    : NULL;
	g_autoptr(GBytes) bytes = NULL;
	gsize size_bytes;
	const uint8_t *data;

	if (frames == NULL)
		return NULL;
	if (index->size_bytes % BUNDLE_FRAME_ENTRY_SIZE != 0 ||
	    index->size_bytes / BUNDLE_FRAME_ENTRY_SIZE > BUNDLE_FRAMES_MAX) {
		failure_set(error, FAULT_BUNDLE_RANGE,
			    "the bundle's index has %" G_GUINT64_FORMAT " bytes",
			    index->size_bytes);
		return NULL;
	}
	bytes = bytes_fetch(bundle->source, index->offset, (size_t)index->size_bytes, error);
	if (bytes == NULL)
		return NULL;
	data = g_bytes_get_data(bytes, &size_bytes);
	if (crc32c(data, size_bytes) != index->crc) {
		failure_set(error, FAULT_BUNDLE_CHECKSUM,
			    "the bundle's index has a wrong checksum");
		return NULL;
	}
	return index_decode(data, size_bytes, data_blocks, frames->size_bytes, error);
}

gboolean bundle_frame_read(const struct bundle *bundle, const char *name,
			   const struct bundle_frame *frame, uint8_t *ret_bytes, GError **error)
{
	const struct bundle_section *frames = bundle_find(bundle, name, BUNDLE_FRAMES, error);
	g_autofree uint8_t *stored = g_malloc(frame->stored_size);
	const size_t size_bytes = (size_t)frame->block_count * VERITREE_BLOCK_SIZE;
	const char *why;

	if (frames == NULL || !source_read(bundle->source, frames->offset + frame->offset, stored,
					   frame->stored_size, error))
		return FALSE;
	if (crc32c(stored, frame->stored_size) != frame->crc)
		return failure_set(error, FAULT_BUNDLE_FRAME,
				   "the frame of block %" G_GUINT64_FORMAT
				   " of %s has a wrong checksum",
				   frame->first_block, name);
	if (frame->encoding == BUNDLE_STORED && frame->stored_size == size_bytes) {
		memcpy(ret_bytes, stored, size_bytes);
		return TRUE;
	}
	why = frame->encoding == BUNDLE_ZSTD
		      ? frame_decompress(stored, frame->stored_size, ret_bytes, size_bytes)
		      : "it has an unknown encoding or a wrong size";
	if (why != NULL)
		return failure_set(error, FAULT_BUNDLE_FRAME,
				   "the frame of block %" G_GUINT64_FORMAT " of %s: %s",
				   frame->first_block, name, why);
	return TRUE;
}

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
 *     32     4  number of sections, 1 .. 63
 *     36    28  zero
 *     64    64  first section, and so on; the rest is zero
 *
 * one section, in the order in which they stand in the file, without overlapping:
 *      0    16  payload, NUL-padded
 *     16     4  kind: 1 leaf hashes, 2 frame index, 3 frames, 4 delta index, 5 delta frames,
 *               6 dictionary, 7 parent hashes, 8 a repository's metadata (of no payload)
 *     20     4  CRC-32C, 0 for frames
 *     24     8  offset in the file
 *     32     8  size
 *     40    24  of a delta: the first bytes of its base's root hash; else zero */
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
	HEAD_LIKELY = 16384, /* header, manifest and signature are seldom longer */
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
		memcpy(entry + 40, sections[i].base, BUNDLE_BASE_SIZE);
	}
	bytes_store_u32(ret_bytes + OFFSET_CRC,
			crc32c(ret_bytes + OFFSET_FORMAT, BUNDLE_HEADER_SIZE - OFFSET_FORMAT));
}

static gboolean section_decode(const uint8_t *entry, uint64_t start, uint64_t total,
			       struct bundle_section *ret_section, GError **error)
{
	memcpy(ret_section->name, entry, BUNDLE_NAME_SIZE);
	ret_section->kind = bytes_load_u32(entry + 16);
	ret_section->crc = bytes_load_u32(entry + 20);
	ret_section->offset = bytes_load_u64(entry + 24);
	ret_section->size_bytes = bytes_load_u64(entry + 32);
	memcpy(ret_section->base, entry + 40, BUNDLE_BASE_SIZE);
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

/* So that a web server is not asked for more than will be read. */
static void range_schedule(struct source *source, uint64_t offset, uint64_t size_bytes)
{
	const struct source_range range = { offset, size_bytes };

	source_schedule(source, &range, 1);
}

static gboolean head_read(struct bundle *bundle, GError **error)
{
	uint8_t header[BUNDLE_HEADER_SIZE];
	uint32_t manifest_size;
	uint32_t signature_size;

	range_schedule(bundle->source, 0, HEAD_LIKELY);
	if (!source_read(bundle->source, 0, header, sizeof header, error) ||
	    !header_check(header, error))
		return FALSE;
	manifest_size = bytes_load_u32(header + OFFSET_MANIFEST_SIZE);
	signature_size = bytes_load_u32(header + OFFSET_SIGNATURE_SIZE);
	if (!sections_decode(bundle, header,
			     (uint64_t)BUNDLE_HEADER_SIZE + manifest_size + signature_size, error))
		return FALSE;
	if (bundle->source->total_bytes != 0 && bundle->source->total_bytes < bundle->total_bytes)
		return failure_set(error, FAULT_BUNDLE_TRUNCATED,
				   "the bundle ends at byte %" G_GUINT64_FORMAT
				   ", and should have %" G_GUINT64_FORMAT,
				   bundle->source->total_bytes, bundle->total_bytes);
	if (BUNDLE_HEADER_SIZE + manifest_size + signature_size > HEAD_LIKELY)
		range_schedule(bundle->source, BUNDLE_HEADER_SIZE,
			       (uint64_t)manifest_size + signature_size);
	bundle->manifest_bytes = bytes_fetch(bundle->source, BUNDLE_HEADER_SIZE, manifest_size,
					     error);
	if (bundle->manifest_bytes == NULL)
		return FALSE;
	bundle->signature = bytes_fetch(bundle->source, BUNDLE_HEADER_SIZE + manifest_size,
					signature_size, error);
	return bundle->signature != NULL;
}

typedef gboolean (*verify_func)(const uint8_t *bytes, size_t size_bytes, const uint8_t *signature,
				size_t signature_size, const char *keyring, char **ret_signers,
				GError **error);

static struct bundle *verified_open(struct source *source, const char *keyring, verify_func verify,
				    GError **error)
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
	if (keyring != NULL && !verify(manifest, manifest_size, signature, signature_size, keyring,
				       &bundle->signers, error))
		return NULL;
	bundle->manifest = manifest_decode(manifest, manifest_size, error);
	if (bundle->manifest == NULL)
		return NULL;
	return g_steal_pointer(&bundle);
}

struct bundle *bundle_open(struct source *source, const char *keyring, GError **error)
{
	return verified_open(source, keyring, crypto_cms_verify, error);
}

struct bundle *bundle_open_past(struct source *source, const char *keyring, GError **error)
{
	return verified_open(source, keyring, crypto_cms_verify_past, error);
}

static const struct bundle_section *section_find(const struct bundle *bundle, const char *name,
						 enum bundle_kind kind, const uint8_t *base)
{
	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];

		if (section->kind == kind && strcmp(section->name, name) == 0 &&
		    bytes_equal(section->base, base, BUNDLE_BASE_SIZE))
			return section;
	}
	return NULL;
}

const struct bundle_section *bundle_find(const struct bundle *bundle, const char *name,
					 enum bundle_kind kind)
{
	static const uint8_t NO_BASE[BUNDLE_BASE_SIZE];

	return section_find(bundle, name, kind, NO_BASE);
}

const struct bundle_section *bundle_find_delta(const struct bundle *bundle, const char *name,
					       enum bundle_kind kind,
					       const uint8_t root_hash[static VERITREE_HASH_SIZE])
{
	return section_find(bundle, name, kind, root_hash);
}

gboolean bundle_is_full(const struct bundle *bundle, const char *name)
{
	return bundle_find(bundle, name, BUNDLE_LEAVES) != NULL &&
	       bundle_find(bundle, name, BUNDLE_INDEX) != NULL &&
	       bundle_find(bundle, name, BUNDLE_FRAMES) != NULL;
}

GBytes *bundle_section_read(const struct bundle *bundle, const struct bundle_section *section,
			    GError **error)
{
	g_autoptr(GBytes) bytes = NULL;

	if (section->size_bytes > BUNDLE_TABLE_MAX) {
		failure_set(error, FAULT_BUNDLE_RANGE,
			    "a table of the bundle has %" G_GUINT64_FORMAT " bytes",
			    section->size_bytes);
		return NULL;
	}
	bytes = bytes_fetch(bundle->source, section->offset, (size_t)section->size_bytes, error);
	if (bytes == NULL)
		return NULL;
	if (crc32c(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) != section->crc) {
		failure_set(error, FAULT_BUNDLE_CHECKSUM,
			    "the section of kind %u of payload %s has a wrong checksum",
			    section->kind, section->name);
		return NULL;
	}
	return g_steal_pointer(&bytes);
}

struct frameindex *bundle_index_read(const struct bundle *bundle, const char *name,
				     uint64_t data_blocks, GError **error)
{
	const struct bundle_section *index = bundle_find(bundle, name, BUNDLE_INDEX);
	const struct bundle_section *frames = bundle_find(bundle, name, BUNDLE_FRAMES);
	g_autoptr(GBytes) bytes = NULL;

	if (index == NULL || frames == NULL) {
		failure_set(error, FAULT_BUNDLE_MISSING, "the bundle has no frames of payload %s",
			    name);
		return NULL;
	}
	bytes = bundle_section_read(bundle, index, error);
	if (bytes == NULL)
		return NULL;
	return frameindex_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
				 data_blocks, frames->size_bytes, error);
}

gboolean bundle_dictionary_read(const struct bundle *bundle, const char *name,
				GBytes **ret_dictionary, GError **error)
{
	const struct bundle_section *section = bundle_find(bundle, name, BUNDLE_DICTIONARY);

	*ret_dictionary = NULL;
	if (section == NULL)
		return TRUE;
	if (section->size_bytes == 0 || section->size_bytes > FRAME_DICTIONARY_MAX)
		return failure_set(error, FAULT_BUNDLE_RANGE,
				   "the dictionary of %s has %" G_GUINT64_FORMAT " bytes", name,
				   section->size_bytes);
	*ret_dictionary = bundle_section_read(bundle, section, error);
	return *ret_dictionary != NULL;
}

/* SPDX-License-Identifier: MIT */
/* Through libarchive, which reads each kind. */
#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

enum { CHUNK_SIZE = 1 << 18, MAGIC_MAX = 6 };

static const struct {
	const char *name;
	unsigned magic_size;
	guint8 magic[MAGIC_MAX];
	enum unpack_kind kind;
} KINDS[] = {
	{ "gzip", 3, { 0x1f, 0x8b, 8 }, UNPACK_GZIP },
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, UNPACK_XZ },
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd }, UNPACK_ZSTD },
	{ "lz4", 4, { 0x04, 0x22, 0x4d, 0x18 }, UNPACK_LZ4 },
	{ "lz4", 4, { 0x02, 0x21, 0x4c, 0x18 }, UNPACK_LZ4 },
	{ "bzip2", 3, { 'B', 'Z', 'h' }, UNPACK_BZIP2 },
};

enum unpack_kind unpack_kind(GBytes *packed)
{
	gsize size_bytes;
	const guint8 *bytes = g_bytes_get_data(packed, &size_bytes);

	for (unsigned i = 0; i < G_N_ELEMENTS(KINDS); i++)
		if (size_bytes > MAGIC_MAX &&
		    memcmp(bytes, KINDS[i].magic, KINDS[i].magic_size) == 0)
			return KINDS[i].kind;
	return UNPACK_NONE;
}

const char *unpack_kind_name(enum unpack_kind kind)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(KINDS); i++)
		if (KINDS[i].kind == kind)
			return KINDS[i].name;
	return "none";
}

static GBytes *content_read(struct archive *archive, gsize size_max)
{
	g_autoptr(GByteArray) content = g_byte_array_new();
	g_autofree guint8 *chunk = g_malloc(CHUNK_SIZE);
	la_ssize_t size;

	while ((size = archive_read_data(archive, chunk, CHUNK_SIZE)) > 0) {
		if (content->len + (gsize)size > size_max)
			return NULL;
		g_byte_array_append(content, chunk, (guint)size);
	}
	return size == 0 ? g_byte_array_free_to_bytes(g_steal_pointer(&content)) : NULL;
}

GBytes *unpack(GBytes *packed, gsize size_max)
{
	struct archive *archive;
	struct archive_entry *entry;
	GBytes *content = NULL;
	gsize size_bytes;
	const void *bytes = g_bytes_get_data(packed, &size_bytes);

	if (unpack_kind(packed) == UNPACK_NONE)
		return NULL;
	archive = archive_read_new();
	archive_read_support_filter_all(archive);
	archive_read_support_format_raw(archive);
	if (archive_read_open_memory(archive, bytes, size_bytes) == ARCHIVE_OK &&
	    archive_read_next_header(archive, &entry) == ARCHIVE_OK)
		content = content_read(archive, size_max);
	archive_read_free(archive);
	return content;
}

/* SPDX-License-Identifier: MIT */
/* Little-endian: 4 bytes: the number of files; for each: 2 bytes: the length of its name, 4 bytes:
 * its size, the name, and the bytes. Nothing follows. */
#include "metapack.h"

#include <string.h>

#include "bytes.h"
#include "failure.h"

enum { COUNT_SIZE = 4, ENTRY_SIZE = 6 };

static void file_free(gpointer data)
{
	struct metapack_file *file = data;

	g_free(file->name);
	g_bytes_unref(file->bytes);
	g_free(file);
}

GPtrArray *metapack_new(void)
{
	return g_ptr_array_new_with_free_func(file_free);
}

void metapack_add(GPtrArray *pack, const char *name, GBytes *bytes)
{
	struct metapack_file *file = g_new0(struct metapack_file, 1);

	file->name = g_strdup(name);
	file->bytes = g_bytes_ref(bytes);
	g_ptr_array_add(pack, file);
}

GBytes *metapack_find(const GPtrArray *pack, const char *name)
{
	for (guint i = 0; i < pack->len; i++) {
		const struct metapack_file *file = pack->pdata[i];

		if (strcmp(file->name, name) == 0)
			return file->bytes;
	}
	return NULL;
}

/* Printable, and within the repository's folder. */
static gboolean name_is_good(const char *name, size_t length)
{
	g_auto(GStrv) parts = g_strsplit(name, "/", 0);

	if (length == 0 || length > METAPACK_NAME_MAX || strlen(name) != length)
		return FALSE;
	for (const char *at = name; *at != '\0'; at++)
		if (!g_ascii_isgraph(*at))
			return FALSE;
	for (char **part = parts; *part != NULL; part++)
		if (**part == '\0' || strcmp(*part, ".") == 0 || strcmp(*part, "..") == 0)
			return FALSE;
	return TRUE;
}

static gboolean pack_check(const GPtrArray *pack, GError **error)
{
	gsize total = COUNT_SIZE;

	if (pack->len > METAPACK_FILES_MAX)
		return failure_set(error, FAULT_METAPACK_LIMIT, "%u files, more than %d", pack->len,
				   METAPACK_FILES_MAX);
	for (guint i = 0; i < pack->len; i++) {
		const struct metapack_file *file = pack->pdata[i];

		if (!name_is_good(file->name, strlen(file->name)))
			return failure_set(error, FAULT_METAPACK_LIMIT,
					   "\"%.64s\" cannot be the name of a file in a repository",
					   file->name);
		total += ENTRY_SIZE + strlen(file->name) + g_bytes_get_size(file->bytes);
		if (total > METAPACK_SIZE_MAX)
			return failure_set(error, FAULT_METAPACK_LIMIT, "more than %d bytes",
					   METAPACK_SIZE_MAX);
	}
	return TRUE;
}

GBytes *metapack_encode(const GPtrArray *pack, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t head[ENTRY_SIZE];

	if (!pack_check(pack, error))
		return NULL;
	bytes_store_u32(head, pack->len);
	g_byte_array_append(bytes, head, COUNT_SIZE);
	for (guint i = 0; i < pack->len; i++) {
		const struct metapack_file *file = pack->pdata[i];
		const size_t length = strlen(file->name);
		gsize size_bytes;
		const uint8_t *data = g_bytes_get_data(file->bytes, &size_bytes);

		bytes_store_u16(head, (uint16_t)length);
		bytes_store_u32(head + 2, (uint32_t)size_bytes);
		g_byte_array_append(bytes, head, ENTRY_SIZE);
		g_byte_array_append(bytes, (const uint8_t *)file->name, (guint)length);
		g_byte_array_append(bytes, data, (guint)size_bytes);
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

/* One file from `at` on; where it ends, or 0 where it is none. */
static gsize file_decode(GPtrArray *pack, GBytes *bytes, gsize at)
{
	gsize total;
	const uint8_t *data = g_bytes_get_data(bytes, &total);
	g_autofree char *name = NULL;
	g_autoptr(GBytes) content = NULL;
	gsize length;
	gsize size_bytes;

	if (total - at < ENTRY_SIZE)
		return 0;
	length = bytes_load_u16(data + at);
	size_bytes = bytes_load_u32(data + at + 2);
	at += ENTRY_SIZE;
	if (total - at < length || total - at - length < size_bytes)
		return 0;
	name = g_strndup((const char *)data + at, length);
	if (!name_is_good(name, length) || metapack_find(pack, name) != NULL)
		return 0;
	content = g_bytes_new_from_bytes(bytes, at + length, size_bytes);
	metapack_add(pack, name, content);
	return at + length + size_bytes;
}

GPtrArray *metapack_decode(GBytes *bytes, GError **error)
{
	g_autoptr(GPtrArray) pack = metapack_new();
	gsize total;
	const uint8_t *data = g_bytes_get_data(bytes, &total);
	gsize at = COUNT_SIZE;
	uint32_t count = 0;

	if (total >= COUNT_SIZE && total <= METAPACK_SIZE_MAX)
		count = bytes_load_u32(data);
	for (uint32_t i = 0; count <= METAPACK_FILES_MAX && i < count && at != 0; i++)
		at = file_decode(pack, bytes, at);
	if (total >= COUNT_SIZE && pack->len == count && at == total)
		return g_steal_pointer(&pack);
	failure_set(error, FAULT_METAPACK_FORMAT,
		    "the repository's metadata in the bundle are damaged at byte %" G_GSIZE_FORMAT,
		    at);
	return NULL;
}

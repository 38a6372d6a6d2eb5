/* SPDX-License-Identifier: MIT */
/* Files are found by their content, not by their path: the kernel is a section of the UKI and
 * usr/lib/modules/.../vmlinuz in the root image. */
#include "deltacompanion.h"

#include "crypto.h"

enum { SIZE_MIN = 64 }; /* bytes; a reference to less is no smaller than they are */

uint64_t deltacompanion_end(const struct deltacontent *base)
{
	return base->companion != NULL
		       ? deltacontent_companion_at(base) + base->companion->image.size_bytes
		       : base->image.size_bytes;
}

gboolean deltacompanion_add(struct deltacontent *base, const char *path, GError **error)
{
	const uint64_t border = deltacontent_companion_at(base);
	struct deltacontent *companion = deltacontent_open(path, error);

	if (companion == NULL)
		return FALSE;
	deltacontent_split(companion, NULL);
	base->companion = companion;
	base->companion_first = base->objects->len;
	for (guint i = 0; i < companion->objects->len; i++) {
		const struct deltacontent_object *from = deltacontent_object(companion, i);
		struct deltacontent_object *to;

		/* In several pieces, or with holes, only a file system has them. */
		if (from->path[0] == '\0' || from->extents->len != 1)
			continue;
		to = deltacontent_object_add(base, from->path);
		g_array_append_vals(to->extents, from->extents->data, 1);
		g_array_index(to->extents, struct deltacontent_extent, 0).image_offset += border;
		to->size_bytes = from->size_bytes;
	}
	return TRUE;
}

/* What is held, without the zeros behind it: in a file system a file is filled up to the end of
 * its block. NULL: too little. */
static GBytes *content_key(const struct deltacontent *content, uint32_t number)
{
	g_autoptr(CryptoHasher) hasher = crypto_hasher_new(NULL, 0);
	g_autoptr(GByteArray) bytes = deltacontent_object_read(content, number);
	uint8_t hash[CRYPTO_HASH_SIZE];
	size_t size = bytes->len;

	while (size > 0 && bytes->data[size - 1] == 0)
		size--;
	if (size < SIZE_MIN)
		return NULL;
	crypto_hash(hasher, bytes->data, size, hash);
	return g_bytes_new(hash, sizeof hash);
}

static void key_free(gpointer key)
{
	g_bytes_unref(key);
}

GHashTable *deltacompanion_table(const struct deltacontent *base)
{
	GHashTable *table = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, key_free, NULL);

	for (guint i = base->companion_first; i < base->objects->len; i++) {
		const struct deltacontent_object *object = deltacontent_object(base, i);
		const struct deltacontent_extent *extent = &g_array_index(
			object->extents, struct deltacontent_extent, 0);
		GBytes *key = extent->at == 0 ? content_key(base, i) : NULL;

		if (key != NULL)
			g_hash_table_insert(table, key, GUINT_TO_POINTER(i));
	}
	return table;
}

gboolean deltacompanion_find(GHashTable *table, const struct deltacontent *new_content,
			     uint32_t number, uint32_t *ret_object)
{
	g_autoptr(GBytes) key = content_key(new_content, number);
	gpointer found;

	if (key == NULL || !g_hash_table_lookup_extended(table, key, NULL, &found))
		return FALSE;
	*ret_object = GPOINTER_TO_UINT(found);
	return TRUE;
}

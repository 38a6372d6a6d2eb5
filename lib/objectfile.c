/* SPDX-License-Identifier: MIT */
#include "objectfile.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "inflate.h"

enum { PREFIX_SIZE = 8 };

void objectfile_commit_clear(struct objectfile_commit *commit)
{
	g_clear_pointer(&commit->origin, g_free);
	g_clear_pointer(&commit->refs, g_strfreev);
}

char *objectfile_path(const uint8_t object[static OBJECTFILE_HASH_SIZE], const char *kind)
{
	g_autofree char *hex = crypto_hex(object, OBJECTFILE_HASH_SIZE);

	return g_strdup_printf("objects/%.2s/%s.%s", hex, hex + 2, kind);
}

gboolean objectfile_is_ref(const char *ref)
{
	const size_t size = strlen(ref);

	if (size == 0 || size > OBJECTFILE_REF_MAX || ref[0] == '/' || ref[size - 1] == '/' ||
	    strstr(ref, "..") != NULL || strstr(ref, "//") != NULL)
		return FALSE;
	for (const char *at = ref; *at != 0; at++)
		if (!g_ascii_isalnum(*at) && strchr("._-/", *at) == NULL)
			return FALSE;
	return TRUE;
}

static gboolean object_bad(GError **error, const uint8_t *object, const char *what)
{
	g_autofree char *hex = crypto_hex(object, OBJECTFILE_HASH_SIZE);

	return failure_set(error, FAULT_OSTREE_OBJECT, "the object %s %s", hex, what);
}

/* A copy: a GVariant wants its bytes aligned. Not checked for its form: getters are safe then, too,
 * and give defaults for what is malformed. */
static GVariant *variant_make(const char *type, const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) copy = g_bytes_new(bytes, size_bytes);

	return g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), copy, FALSE));
}

static GVariant *metadata_decode(const char *type, GBytes *bytes, const uint8_t *object,
				 GError **error)
{
	g_autoptr(GVariant) variant = NULL;
	uint8_t hash[CRYPTO_HASH_SIZE];
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(bytes, &size_bytes);

	crypto_digest("SHA256", data, size_bytes, NULL, 0, hash);
	if (memcmp(hash, object, sizeof hash) != 0 || size_bytes > OBJECTFILE_METADATA_MAX) {
		object_bad(error, object, "is damaged: its bytes have another checksum");
		return NULL;
	}
	variant = variant_make(type, data, size_bytes);
	if (!g_variant_is_normal_form(variant)) {
		object_bad(error, object, "is malformed");
		return NULL;
	}
	return g_steal_pointer(&variant);
}

static gboolean hash_take(GVariant *tuple, gsize index, uint8_t ret_hash[static 32])
{
	g_autoptr(GVariant) bytes = g_variant_get_child_value(tuple, index);

	if (g_variant_get_size(bytes) != OBJECTFILE_HASH_SIZE)
		return FALSE;
	memcpy(ret_hash, g_variant_get_data(bytes), OBJECTFILE_HASH_SIZE);
	return TRUE;
}

gboolean objectfile_commit_decode(GBytes *bytes, const uint8_t object[static OBJECTFILE_HASH_SIZE],
				  struct objectfile_commit *ret_commit, GError **error)
{
	g_autoptr(GVariant)
		variant = metadata_decode("(a{sv}aya(say)sstayay)", bytes, object, error);
	g_autoptr(GVariant) metadata = NULL;
	struct objectfile_commit commit = { 0 };

	if (variant == NULL)
		return FALSE;
	if (!hash_take(variant, 6, commit.tree))
		return object_bad(error, object, "names no tree");
	g_variant_get_child(variant, 5, "t", &commit.time_s);
	commit.time_s = GUINT64_FROM_BE(commit.time_s);
	metadata = g_variant_get_child_value(variant, 0);
	/* Either may be missing. */
	(void)g_variant_lookup(metadata, "azupdate.commit", "s", &commit.origin);
	(void)g_variant_lookup(metadata, "ostree.ref-binding", "^as", &commit.refs);
	*ret_commit = commit;
	return TRUE;
}

gboolean objectfile_folder_find(GBytes *bytes, const uint8_t object[static OBJECTFILE_HASH_SIZE],
				const char *name, uint8_t ret_file[static OBJECTFILE_HASH_SIZE],
				GError **error)
{
	g_autoptr(GVariant) variant = metadata_decode("(a(say)a(sayay))", bytes, object, error);
	g_autoptr(GVariant) files = NULL;

	if (variant == NULL)
		return FALSE;
	files = g_variant_get_child_value(variant, 0);
	for (gsize i = 0; i < g_variant_n_children(files); i++) {
		g_autoptr(GVariant) entry = g_variant_get_child_value(files, i);
		const char *found;

		g_variant_get_child(entry, 0, "&s", &found);
		if (strcmp(found, name) == 0 && hash_take(entry, 1, ret_file))
			return TRUE;
	}
	return object_bad(error, object, "is a folder without the file that is wanted");
}

guint objectfile_hash(gconstpointer object)
{
	guint hash;

	memcpy(&hash, object, sizeof hash);
	return hash;
}

gboolean objectfile_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, OBJECTFILE_HASH_SIZE) == 0;
}

void objectfile_checksum(const struct objectfile_parts *parts,
			 uint8_t ret_hash[static OBJECTFILE_HASH_SIZE])
{
	const uint32_t size = GUINT32_TO_BE((uint32_t)parts->header_size);
	g_autofree uint8_t *head = g_malloc0(PREFIX_SIZE + parts->header_size);

	memcpy(head, &size, sizeof size);
	memcpy(head + PREFIX_SIZE, parts->header, parts->header_size);
	crypto_digest("SHA256", head, PREFIX_SIZE + parts->header_size, parts->content,
		      parts->content_size, ret_hash);
}

/* The header that the checksum is over. */
static GVariant *header_make(GVariant *packed)
{
	g_autoptr(GVariant) attributes = NULL;
	uint32_t uid, gid, mode, device;
	const char *target;

	g_variant_get(packed, "(tuuuu&s@a(ayay))", NULL, &uid, &gid, &mode, &device, &target,
		      &attributes);
	return g_variant_ref_sink(
		g_variant_new("(uuuus@a(ayay))", uid, gid, mode, device, target, attributes));
}

static GVariant *header_decode(const uint8_t *data, size_t size_bytes, size_t *ret_content)
{
	uint32_t header_size;

	if (size_bytes < PREFIX_SIZE)
		return NULL;
	memcpy(&header_size, data, sizeof header_size);
	header_size = GUINT32_FROM_BE(header_size);
	if (header_size > OBJECTFILE_HEADER_MAX || header_size > size_bytes - PREFIX_SIZE)
		return NULL;
	*ret_content = PREFIX_SIZE + header_size;
	return variant_make("(tuuuusa(ayay))", data + PREFIX_SIZE, header_size);
}

GBytes *objectfile_content(GBytes *bytes, const uint8_t object[static OBJECTFILE_HASH_SIZE],
			   size_t size_max, GError **error)
{
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(bytes, &size_bytes);
	size_t at = 0;
	g_autoptr(GVariant) packed = header_decode(data, size_bytes, &at);
	g_autoptr(GVariant) header = NULL;
	g_autofree uint8_t *content = NULL;
	struct objectfile_parts parts;
	uint8_t hash[CRYPTO_HASH_SIZE];
	uint64_t content_size;

	if (packed == NULL || !g_variant_is_normal_form(packed)) {
		object_bad(error, object, "has a malformed header");
		return NULL;
	}
	g_variant_get_child(packed, 0, "t", &content_size);
	content_size = GUINT64_FROM_BE(content_size);
	if (content_size > size_max) {
		object_bad(error, object, "is larger than it may be");
		return NULL;
	}
	content = g_malloc((gsize)content_size + 1);
	if (inflate_expand(data + at, size_bytes - at, content, (size_t)content_size) != NULL) {
		object_bad(error, object, "is damaged: it cannot be unpacked");
		return NULL;
	}
	header = header_make(packed);
	parts = (struct objectfile_parts){ g_variant_get_data(header), g_variant_get_size(header),
					   content, (size_t)content_size };
	objectfile_checksum(&parts, hash);
	if (memcmp(hash, object, sizeof hash) != 0) {
		object_bad(error, object, "is damaged: its bytes have another checksum");
		return NULL;
	}
	return g_bytes_new_take(g_steal_pointer(&content), (gsize)content_size);
}

GPtrArray *objectfile_signatures(GBytes *metadata)
{
	GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(metadata, &size_bytes);
	g_autoptr(GVariant) dictionary = NULL;
	g_autoptr(GVariant) list = NULL;

	if (size_bytes > OBJECTFILE_METADATA_MAX)
		return found;
	dictionary = variant_make("a{sv}", data, size_bytes);
	if (g_variant_is_normal_form(dictionary))
		list = g_variant_lookup_value(dictionary, "ostree.sign.ed25519",
					      G_VARIANT_TYPE("aay"));
	for (gsize i = 0;
	     list != NULL && i < g_variant_n_children(list) && i < OBJECTFILE_SIGNATURES_MAX; i++) {
		g_autoptr(GVariant) signature = g_variant_get_child_value(list, i);

		g_ptr_array_add(found, g_variant_get_data_as_bytes(signature));
	}
	return found;
}

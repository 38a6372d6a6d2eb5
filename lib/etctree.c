/* SPDX-License-Identifier: MIT */
#include "etctree.h"

#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "crypto.h"
#include "failure.h"

enum { HASH = ETCTREE_HASH_SIZE };

#define XATTRS_TYPE "a(ayay)"
/* path, mode, uid, gid, rdev, mtime, opaque, target, xattrs, size, object, digest, base and its
 * mode and digest */
#define ENTRY_TYPE "(ayuuutxbay" XATTRS_TYPE "tayayuuay)"
#define TREE_TYPE "(usssa" ENTRY_TYPE ")"

struct etctree *etctree_new(const char *version, const char *root_hash, const char *reason)
{
	struct etctree *tree = g_new0(struct etctree, 1);

	tree->version = g_strdup(version);
	tree->root_hash = g_strdup(root_hash);
	tree->reason = g_strdup(reason);
	tree->entries = g_ptr_array_new_with_free_func((GDestroyNotify)etctree_entry_free);
	return tree;
}

void etctree_free(struct etctree *tree)
{
	if (tree == NULL)
		return;
	g_free(tree->version);
	g_free(tree->root_hash);
	g_free(tree->reason);
	g_ptr_array_unref(tree->entries);
	g_free(tree);
}

struct etctree_entry *etctree_entry_new(const char *path)
{
	struct etctree_entry *entry = g_new0(struct etctree_entry, 1);

	entry->path = g_strdup(path);
	entry->target = g_strdup("");
	entry->xattrs = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("(ayay)"), NULL, 0));
	return entry;
}

void etctree_entry_free(struct etctree_entry *entry)
{
	if (entry == NULL)
		return;
	g_free(entry->path);
	g_free(entry->target);
	g_clear_pointer(&entry->xattrs, g_variant_unref);
	g_free(entry);
}

void etctree_add(struct etctree *tree, struct etctree_entry *entry)
{
	g_ptr_array_add(tree->entries, entry);
}

static gint entry_compare(gconstpointer a, gconstpointer b)
{
	const struct etctree_entry *const *first = a;
	const struct etctree_entry *const *second = b;

	return strcmp((*first)->path, (*second)->path);
}

void etctree_sort(struct etctree *tree)
{
	GPtrArray *entries = tree->entries;

	g_ptr_array_sort(entries, entry_compare);
	/* A folder that changes while it is read may show a name twice. */
	for (guint i = entries->len; i-- > 1;)
		if (entry_compare(&entries->pdata[i - 1], &entries->pdata[i]) == 0)
			g_ptr_array_remove_index(entries, i);
}

const struct etctree_entry *etctree_find(const struct etctree *tree, const char *path)
{
	guint low = 0, high = tree->entries->len;

	while (low < high) {
		const guint middle = low + (high - low) / 2;
		const struct etctree_entry *entry = tree->entries->pdata[middle];
		const int order = strcmp(entry->path, path);

		if (order == 0)
			return entry;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static GVariant *hash_pack(const uint8_t hash[static HASH])
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, hash, HASH, 1);
}

void etctree_seal(struct etctree_entry *entry, const uint8_t content[static HASH])
{
	g_autoptr(GVariant) seen = g_variant_ref_sink(g_variant_new(
		"(uuutb@" XATTRS_TYPE "^ay@ay)", entry->mode, entry->uid, entry->gid, entry->rdev,
		entry->opaque, entry->xattrs, entry->target, hash_pack(content)));

	crypto_digest("SHA256", g_variant_get_data(seen), g_variant_get_size(seen), NULL, 0,
		      entry->digest);
}

static gboolean part_is_good(const char *part, size_t size_bytes)
{
	return size_bytes > 0 && !(size_bytes == 1 && part[0] == '.') &&
	       !(size_bytes == 2 && part[0] == '.' && part[1] == '.');
}

gboolean etctree_path_is_good(const char *path)
{
	unsigned depth = 0;
	const char *end;

	if (strlen(path) > ETCTREE_PATH_MAX)
		return FALSE;
	if (path[0] == '\0')
		return TRUE;
	for (const char *part = path;; part = end + 1) {
		end = strchrnul(part, '/');
		if (!part_is_good(part, (size_t)(end - part)) || ++depth > ETCTREE_DEPTH_MAX)
			return FALSE;
		if (*end == '\0')
			return TRUE;
	}
}

/* Encoding. */

static GVariant *entry_encode(const struct etctree_entry *entry)
{
	return g_variant_new("(^ayuuutxb^ay@" XATTRS_TYPE "t@ay@ayuu@ay)", entry->path, entry->mode,
			     entry->uid, entry->gid, entry->rdev, entry->mtime_ns, entry->opaque,
			     entry->target, entry->xattrs, entry->size_bytes,
			     hash_pack(entry->object), hash_pack(entry->digest),
			     (guint32)entry->base, entry->base_mode, hash_pack(entry->base_digest));
}

GBytes *etctree_encode(const struct etctree *tree)
{
	g_autoptr(GVariant) packed = NULL;
	GVariantBuilder entries;

	g_variant_builder_init(&entries, G_VARIANT_TYPE("a" ENTRY_TYPE));
	for (guint i = 0; i < tree->entries->len; i++)
		g_variant_builder_add_value(&entries, entry_encode(tree->entries->pdata[i]));
	packed = g_variant_ref_sink(g_variant_new(TREE_TYPE, (guint32)ETCTREE_FORMAT, tree->version,
						  tree->root_hash, tree->reason, &entries));
	return g_variant_get_data_as_bytes(packed);
}

/* Decoding. */

static gboolean hash_take(GVariant *packed, gsize index, uint8_t ret_hash[static HASH])
{
	g_autoptr(GVariant) value = g_variant_get_child_value(packed, index);
	gsize size_bytes;
	const uint8_t *bytes = g_variant_get_fixed_array(value, &size_bytes, 1);

	if (size_bytes != HASH)
		return FALSE;
	memcpy(ret_hash, bytes, HASH);
	return TRUE;
}

/* A byte string that ends at its only NUL, or NULL. */
static char *text_take(GVariant *packed, gsize index)
{
	g_autoptr(GVariant) value = g_variant_get_child_value(packed, index);
	gsize size_bytes;
	const char *bytes = g_variant_get_fixed_array(value, &size_bytes, 1);

	if (size_bytes == 0 || memchr(bytes, '\0', size_bytes) != bytes + size_bytes - 1)
		return NULL;
	return g_strdup(bytes);
}

static gboolean xattr_is_good(GVariant *xattrs, gsize index)
{
	g_autoptr(GVariant) pair = g_variant_get_child_value(xattrs, index);
	g_autofree char *name = text_take(pair, 0);
	g_autoptr(GVariant) value = g_variant_get_child_value(pair, 1);

	return name != NULL && name[0] != '\0' && !g_str_has_prefix(name, "trusted.overlay.") &&
	       g_variant_n_children(value) <= ETCTREE_XATTR_SIZE_MAX;
}

static gboolean xattrs_are_good(GVariant *xattrs)
{
	const gsize count = g_variant_n_children(xattrs);

	if (count > ETCTREE_XATTRS_MAX)
		return FALSE;
	for (gsize i = 0; i < count; i++)
		if (!xattr_is_good(xattrs, i))
			return FALSE;
	return TRUE;
}

static gboolean type_is_good(const struct etctree_entry *entry)
{
	const mode_t type = entry->mode & S_IFMT;
	const size_t target_size = strlen(entry->target);

	if (entry->mode == 0 && entry->path[0] == '\0')
		return FALSE; /* the root is never gone */
	return (entry->mode == 0 || S_ISREG(type) || S_ISDIR(type) || S_ISLNK(type) ||
		S_ISCHR(type) || S_ISBLK(type) || S_ISFIFO(type) || S_ISSOCK(type)) &&
	       !(S_ISCHR(type) && entry->rdev == 0) && /* that would be one that is gone */
	       S_ISLNK(type) == (target_size > 0) && target_size <= ETCTREE_TARGET_MAX &&
	       (!entry->opaque || S_ISDIR(type)) &&
	       (entry->mode & ~(mode_t)(S_IFMT | 07777)) == 0 &&
	       entry->size_bytes <= ETCTREE_FILE_MAX && entry->base <= ETCTREE_BASE_PRESENT;
}

/* Of the tree so far. */
static gboolean place_is_good(const struct etctree *tree, const char *path)
{
	const struct etctree_entry *last, *parent;
	g_autofree char *folder = NULL;

	if (tree->entries->len == 0)
		return path[0] == '\0';
	last = tree->entries->pdata[tree->entries->len - 1];
	if (!etctree_path_is_good(path) || strcmp(last->path, path) >= 0)
		return FALSE;
	folder = strchr(path, '/') == NULL ? g_strdup("") : g_path_get_dirname(path);
	parent = etctree_find(tree, folder);
	return parent != NULL && S_ISDIR(parent->mode);
}

static gboolean entry_decode(struct etctree *tree, GVariant *packed)
{
	struct etctree_entry *entry = etctree_entry_new("");
	guint32 base;
	gboolean good;

	g_free(entry->path);
	g_free(entry->target);
	g_variant_unref(entry->xattrs);
	entry->path = text_take(packed, 0);
	entry->target = text_take(packed, 7);
	entry->xattrs = g_variant_get_child_value(packed, 8);
	g_variant_get_child(packed, 1, "u", &entry->mode);
	g_variant_get_child(packed, 2, "u", &entry->uid);
	g_variant_get_child(packed, 3, "u", &entry->gid);
	g_variant_get_child(packed, 4, "t", &entry->rdev);
	g_variant_get_child(packed, 5, "x", &entry->mtime_ns);
	g_variant_get_child(packed, 6, "b", &entry->opaque);
	g_variant_get_child(packed, 9, "t", &entry->size_bytes);
	g_variant_get_child(packed, 12, "u", &base);
	g_variant_get_child(packed, 13, "u", &entry->base_mode);
	entry->base = base <= ETCTREE_BASE_PRESENT ? (enum etctree_base)base : ETCTREE_BASE_UNKNOWN;
	good = entry->path != NULL && entry->target != NULL && base <= ETCTREE_BASE_PRESENT &&
	       hash_take(packed, 10, entry->object) && hash_take(packed, 11, entry->digest) &&
	       hash_take(packed, 14, entry->base_digest) && type_is_good(entry) &&
	       xattrs_are_good(entry->xattrs) && place_is_good(tree, entry->path);
	if (good)
		etctree_add(tree, entry);
	else
		etctree_entry_free(entry);
	return good;
}

static struct etctree *tree_decode(GVariant *packed)
{
	g_autoptr(Etctree) tree = NULL;
	g_autoptr(GVariant) entries = g_variant_get_child_value(packed, 4);
	const gsize count = g_variant_n_children(entries);
	const char *version, *root_hash, *reason;
	guint32 format;

	g_variant_get_child(packed, 0, "u", &format);
	g_variant_get_child(packed, 1, "&s", &version);
	g_variant_get_child(packed, 2, "&s", &root_hash);
	g_variant_get_child(packed, 3, "&s", &reason);
	if (format != ETCTREE_FORMAT || count == 0 || count > ETCTREE_ENTRIES_MAX ||
	    strlen(version) > ETCTREE_TEXT_MAX || strlen(root_hash) > ETCTREE_TEXT_MAX ||
	    strlen(reason) > ETCTREE_TEXT_MAX)
		return NULL;
	tree = etctree_new(version, root_hash, reason);
	for (gsize i = 0; i < count; i++) {
		g_autoptr(GVariant) entry = g_variant_get_child_value(entries, i);

		if (!entry_decode(tree, entry))
			return NULL;
	}
	return g_steal_pointer(&tree);
}

struct etctree *etctree_decode(GBytes *bytes, GError **error)
{
	struct etctree *tree = NULL;

	if (g_bytes_get_size(bytes) <= ETCTREE_SIZE_MAX) {
		g_autoptr(GVariant) packed = g_variant_ref_sink(
			g_variant_new_from_bytes(G_VARIANT_TYPE(TREE_TYPE), bytes, FALSE));

		if (g_variant_is_normal_form(packed))
			tree = tree_decode(packed);
	}
	if (tree == NULL)
		failure_set(error, FAULT_ETC_DAMAGED, "what says how /etc was is damaged");
	return tree;
}

/* Bases. */

static void base_set(struct etctree_entry *entry, const struct etctree_entry *found)
{
	entry->base = found != NULL ? ETCTREE_BASE_PRESENT : ETCTREE_BASE_ABSENT;
	entry->base_mode = found != NULL ? found->mode : 0;
	memset(entry->base_digest, 0, HASH);
	if (found != NULL)
		memcpy(entry->base_digest, found->digest, HASH);
}

static void base_copy(struct etctree_entry *entry, const struct etctree_entry *from)
{
	entry->base = from->base;
	entry->base_mode = from->base_mode;
	memcpy(entry->base_digest, from->base_digest, HASH);
}

void etctree_base_note(struct etctree *tree, const struct etctree *before,
		       const struct etctree *defaults)
{
	for (guint i = 0; i < tree->entries->len; i++) {
		struct etctree_entry *entry = tree->entries->pdata[i];
		const struct etctree_entry *old = before != NULL ? etctree_find(before, entry->path)
								 : NULL;

		if (old != NULL && old->base != ETCTREE_BASE_UNKNOWN &&
		    bytes_equal(old->digest, entry->digest, HASH))
			base_copy(entry, old);
		else if (defaults != NULL)
			base_set(entry, etctree_find(defaults, entry->path));
	}
}

static gboolean entry_is_same(const struct etctree_entry *a, const struct etctree_entry *b)
{
	return strcmp(a->path, b->path) == 0 && bytes_equal(a->digest, b->digest, HASH) &&
	       a->mtime_ns == b->mtime_ns && a->base == b->base &&
	       bytes_equal(a->base_digest, b->base_digest, HASH);
}

gboolean etctree_is_same(const struct etctree *a, const struct etctree *b)
{
	if (strcmp(a->root_hash, b->root_hash) != 0 || a->entries->len != b->entries->len)
		return FALSE;
	for (guint i = 0; i < a->entries->len; i++)
		if (!entry_is_same(a->entries->pdata[i], b->entries->pdata[i]))
			return FALSE;
	return TRUE;
}

/* SPDX-License-Identifier: MIT */
/* Trees of /etc: what is taken can be written without a look at anything else: each path stands
 * once, below a folder that came before it, and is never one that leads out. It is encoded again to
 * the same bytes, and each row of a comparison is about a path of one of the two. */
#include "etctree.h"

#include <string.h>
#include <sys/stat.h>

#include "etcdiff.h"
#include "fuzz.h"

#define ENTRY(tree, i) ((const struct etctree_entry *)(tree)->entries->pdata[i])

/* As a file system would read it. */
static void path_check(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);

	promise(strlen(path) <= ETCTREE_PATH_MAX);
	promise(g_strv_length(parts) <= ETCTREE_DEPTH_MAX);
	for (char **part = parts; *part != NULL; part++)
		promise(**part != '\0' && strcmp(*part, ".") != 0 && strcmp(*part, "..") != 0);
}

static void folder_check(const struct etctree *tree, guint place)
{
	g_autofree char *folder = g_path_get_dirname(ENTRY(tree, place)->path);

	for (guint i = 0; i < place; i++)
		if (strcmp(ENTRY(tree, i)->path, strcmp(folder, ".") == 0 ? "" : folder) == 0) {
			promise(S_ISDIR(ENTRY(tree, i)->mode));
			return;
		}
	promise(FALSE);
}

static void entry_check(const struct etctree *tree, guint place)
{
	const struct etctree_entry *entry = ENTRY(tree, place);

	promise(etctree_find(tree, entry->path) == entry);
	promise(S_ISLNK(entry->mode) == (entry->target[0] != '\0'));
	promise(g_variant_n_children(entry->xattrs) <= ETCTREE_XATTRS_MAX);
	promise(entry->size_bytes <= ETCTREE_FILE_MAX);
	if (place == 0) {
		promise(entry->path[0] == '\0' && entry->mode != 0);
		return;
	}
	path_check(entry->path);
	promise(strcmp(ENTRY(tree, place - 1)->path, entry->path) < 0);
	folder_check(tree, place);
}

static void diff_check(const struct etctree *ours, const struct etctree *theirs)
{
	g_autoptr(GPtrArray) rows = etcdiff_make(ours, theirs);

	for (guint i = 0; i < rows->len; i++) {
		const struct etcdiff_row *row = rows->pdata[i];

		promise(etcdiff_kind_name(row->kind) != NULL);
		promise(etctree_find(ours, row->path) != NULL ||
			etctree_find(theirs, row->path) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) packed = g_bytes_new(bytes, size_bytes);
	g_autoptr(Etctree) tree = etctree_decode(packed, NULL);
	g_autoptr(Etctree) none = etctree_new("", "", "");
	g_autoptr(GBytes) again = NULL;

	if (tree == NULL)
		return 0;
	for (guint i = 0; i < tree->entries->len; i++)
		entry_check(tree, i);
	again = etctree_encode(tree);
	promise(g_bytes_equal(packed, again));
	diff_check(tree, tree);
	diff_check(tree, none);
	diff_check(none, tree);
	return 0;
}

static struct etctree_entry *put(struct etctree *tree, const char *path, uint32_t mode)
{
	const uint8_t hash[ETCTREE_HASH_SIZE] = { (uint8_t)mode };
	struct etctree_entry *entry = etctree_entry_new(path);

	entry->mode = mode;
	if (S_ISLNK(mode)) {
		g_free(entry->target);
		entry->target = g_strdup("../run/x");
	}
	etctree_seal(entry, hash);
	etctree_add(tree, entry);
	return entry;
}

/* Of all types, with a change and a removal, and each time more. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	g_autoptr(Etctree) tree = etctree_new("4.2", "abcd", "by hand");
	g_autoptr(GBytes) bytes = NULL;

	if (number > 3)
		return 0;
	put(tree, "", S_IFDIR | 0755);
	if (number > 0)
		put(tree, "motd", S_IFREG | 0644)->size_bytes = number;
	if (number > 1) {
		put(tree, "gone", 0)->base = ETCTREE_BASE_PRESENT;
		put(tree, "resolv.conf", S_IFLNK | 0777);
	}
	if (number > 2) {
		put(tree, "ssh", S_IFDIR | 0700)->opaque = TRUE;
		put(tree, "ssh/key", S_IFREG | 0600)->base = ETCTREE_BASE_ABSENT;
		put(tree, "ssh/null", S_IFCHR | 0600)->rdev = 0x103;
		put(tree, "ssh/pipe", S_IFIFO | 0600);
	}
	etctree_sort(tree);
	bytes = etctree_encode(tree);
	return fuzz_copy(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), ret_bytes, room);
}

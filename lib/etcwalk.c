/* SPDX-License-Identifier: MIT */
#include "etcwalk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"

enum { NAMES_SIZE = 16 * 1024, NSEC = 1000 * 1000 * 1000 };

static const char OVERLAY_PREFIX[] = "trusted.overlay.";
static const char OPAQUE[] = "trusted.overlay.opaque";
/* What these say of a file is not in the file. */
static const char *const REFUSED[] = { "trusted.overlay.metacopy", "trusted.overlay.redirect",
				       "trusted.overlay.whiteout", "trusted.overlay.whiteouts" };

struct walking {
	const struct etcwalk *walk;
	struct etctree *tree;
	dev_t device;
	uint64_t left_bytes; /* of ETCTREE_FILES_MAX */
	GError **error;
};

static gboolean read_fail(struct walking *walking, const char *path)
{
	return failure_set(walking->error, FAULT_ETC_READ, "cannot read %s in /etc: %s",
			   path[0] != '\0' ? path : ".", g_strerror(errno));
}

/* Attributes. They are asked for by a path that leads over the folder's descriptor: there is no
 * call for those of a symbolic link that takes one. */

static gboolean xattr_refuse(struct walking *walking, const char *path, const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(REFUSED); i++)
		if (strcmp(name, REFUSED[i]) == 0)
			return !failure_set(walking->error, FAULT_ETC_READ,
					    "%s in /etc has %s, which is not kept", path, name);
	return FALSE;
}

static gboolean opaque_take(struct walking *walking, const char *place, const char *path,
			    struct etctree_entry *entry)
{
	char value[2] = "";
	const ssize_t size_bytes = lgetxattr(place, OPAQUE, value, sizeof value);

	entry->opaque = walking->walk->is_upper && S_ISDIR(entry->mode) && size_bytes == 1 &&
			value[0] == 'y';
	if (size_bytes > 0 && value[0] == 'x')
		return failure_set(walking->error, FAULT_ETC_READ,
				   "%s in /etc has whiteouts in attributes, which are not kept",
				   path);
	return TRUE;
}

static gboolean xattr_take(struct walking *walking, const char *place, const char *path,
			   const char *name, GVariantBuilder *builder)
{
	g_autofree uint8_t *value = g_malloc(ETCTREE_XATTR_SIZE_MAX + 1);
	const ssize_t size_bytes = lgetxattr(place, name, value, ETCTREE_XATTR_SIZE_MAX + 1);

	if (size_bytes < 0)
		return errno == ENODATA || read_fail(walking, path);
	if (size_bytes > ETCTREE_XATTR_SIZE_MAX)
		return failure_set(walking->error, FAULT_ETC_LIMIT,
				   "%s in /etc has an attribute of more than %d bytes", path,
				   ETCTREE_XATTR_SIZE_MAX);
	g_variant_builder_add(
		builder, "(^ay@ay)", name,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value, (gsize)size_bytes, 1));
	return TRUE;
}

static gint name_compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names other than overlayfs's own, sorted; borrowed from `list`. NULL: one is refused. */
static GPtrArray *names_pick(struct walking *walking, const char *path, const char *list,
			     size_t size_bytes)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (const char *name = list; name < list + size_bytes; name += strlen(name) + 1) {
		if (walking->walk->is_upper && xattr_refuse(walking, path, name))
			return NULL;
		if (!g_str_has_prefix(name, OVERLAY_PREFIX))
			g_ptr_array_add(names, (gpointer)name);
	}
	g_ptr_array_sort(names, name_compare);
	return g_steal_pointer(&names);
}

static gboolean xattrs_take(struct walking *walking, const char *place, const char *path,
			    struct etctree_entry *entry)
{
	g_autofree char *list = g_malloc(NAMES_SIZE);
	const ssize_t size_bytes = llistxattr(place, list, NAMES_SIZE);
	g_autoptr(GPtrArray) names = NULL;
	GVariantBuilder builder;

	if (size_bytes < 0)
		return errno == ENOTSUP || read_fail(walking, path);
	names = names_pick(walking, path, list, (size_t)size_bytes);
	if (names == NULL || !opaque_take(walking, place, path, entry))
		return FALSE;
	if (names->len > ETCTREE_XATTRS_MAX)
		return failure_set(walking->error, FAULT_ETC_LIMIT,
				   "%s in /etc has more than %d attributes", path,
				   ETCTREE_XATTRS_MAX);
	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
	for (guint i = 0; i < names->len; i++)
		if (!xattr_take(walking, place, path, names->pdata[i], &builder)) {
			g_variant_builder_clear(&builder);
			return FALSE;
		}
	g_variant_unref(entry->xattrs);
	entry->xattrs = g_variant_ref_sink(g_variant_builder_end(&builder));
	return TRUE;
}

/* Contents. */

static gboolean file_read(struct walking *walking, int fd, struct etctree_entry *entry,
			  uint8_t ret_content[static ETCTREE_HASH_SIZE])
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t piece[16 * 1024];
	ssize_t got;

	while ((got = read(fd, piece, sizeof piece)) > 0) {
		g_byte_array_append(bytes, piece, (guint)got);
		if (bytes->len > ETCTREE_FILE_MAX || bytes->len > walking->left_bytes)
			return failure_set(walking->error, FAULT_ETC_LIMIT,
					   "%s in /etc is larger than %d MiB, or all of it than %d",
					   entry->path, ETCTREE_FILE_MAX >> 20,
					   ETCTREE_FILES_MAX >> 20);
	}
	if (got < 0)
		return read_fail(walking, entry->path);
	walking->left_bytes -= bytes->len;
	entry->size_bytes = bytes->len;
	crypto_digest("SHA256", bytes->data, bytes->len, NULL, 0, ret_content);
	return walking->walk->keep == NULL ||
	       walking->walk->keep(walking->walk->data, bytes->data, bytes->len, entry->object,
				   walking->error);
}

static gboolean content_read(struct walking *walking, int folder_fd, const char *name,
			     struct etctree_entry *entry)
{
	uint8_t content[ETCTREE_HASH_SIZE] = { 0 };
	char target[ETCTREE_TARGET_MAX + 1];
	gboolean done = TRUE;

	if (S_ISREG(entry->mode)) {
		const int fd = openat(folder_fd, name,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

		if (fd < 0)
			return read_fail(walking, entry->path);
		done = file_read(walking, fd, entry, content);
		close(fd);
	} else if (S_ISLNK(entry->mode)) {
		const ssize_t size_bytes = readlinkat(folder_fd, name, target, sizeof target);

		if (size_bytes <= 0 || size_bytes > ETCTREE_TARGET_MAX)
			return read_fail(walking, entry->path);
		g_free(entry->target);
		entry->target = g_strndup(target, (gsize)size_bytes);
	}
	if (done)
		etctree_seal(entry, content);
	return done;
}

/* Entries. */

static void attributes_take(const struct walking *walking, const struct stat *info,
			    struct etctree_entry *entry)
{
	const gboolean is_device = S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode);
	const gboolean is_gone = walking->walk->is_upper && S_ISCHR(info->st_mode) &&
				 info->st_rdev == 0;

	if (is_gone)
		return;
	entry->mode = info->st_mode;
	entry->uid = info->st_uid;
	entry->gid = info->st_gid;
	entry->rdev = is_device ? info->st_rdev : 0;
	entry->mtime_ns = (int64_t)info->st_mtim.tv_sec * NSEC + info->st_mtim.tv_nsec;
}

static gboolean entry_read(struct walking *walking, int folder_fd, const char *name,
			   struct etctree_entry *entry)
{
	g_autofree char *place = g_strdup_printf("/proc/self/fd/%d/%s", folder_fd, name);

	if (entry->mode == 0) {
		etctree_seal(entry, (const uint8_t[ETCTREE_HASH_SIZE]){ 0 });
		return TRUE;
	}
	return xattrs_take(walking, place, entry->path, entry) &&
	       content_read(walking, folder_fd, name, entry);
}

static gboolean folder_read(struct walking *walking, int fd, const char *path);

static gboolean folder_enter(struct walking *walking, int folder_fd, const char *name,
			     const char *path)
{
	const int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || read_fail(walking, path);
	return folder_read(walking, fd, path);
}

static gboolean child_read(struct walking *walking, int folder_fd, const char *name,
			   const char *folder)
{
	g_autofree char *path = folder[0] == '\0' ? g_strdup(name)
						  : g_strconcat(folder, "/", name, NULL);
	struct etctree_entry *entry;
	struct stat info;

	if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT || read_fail(walking, path);
	if (info.st_dev != walking->device)
		return TRUE; /* something else is mounted there */
	if (!etctree_path_is_good(path) || walking->tree->entries->len >= ETCTREE_ENTRIES_MAX)
		return failure_set(walking->error, FAULT_ETC_LIMIT,
				   "%.80s in /etc is too deep or too long, or one too many", path);
	entry = etctree_entry_new(path);
	attributes_take(walking, &info, entry);
	if (!entry_read(walking, folder_fd, name, entry)) {
		etctree_entry_free(entry);
		if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			return FALSE;
		g_clear_error(walking->error); /* it went meanwhile */
		return TRUE;
	}
	etctree_add(walking->tree, entry);
	return !S_ISDIR(entry->mode) || folder_enter(walking, folder_fd, name, path);
}

/* Takes `fd` over. */
static gboolean folder_read(struct walking *walking, int fd, const char *path)
{
	DIR *folder = fdopendir(fd);
	gboolean done = TRUE;
	struct dirent *child;

	if (folder == NULL) {
		close(fd);
		return read_fail(walking, path);
	}
	errno = 0;
	while (done && (child = readdir(folder)) != NULL) {
		if (strcmp(child->d_name, ".") != 0 && strcmp(child->d_name, "..") != 0)
			done = child_read(walking, dirfd(folder), child->d_name, path);
		if (done)
			errno = 0; /* for the next readdir() */
	}
	if (done && errno != 0)
		done = read_fail(walking, path);
	closedir(folder);
	return done;
}

gboolean etcwalk_read(const char *path, const struct etcwalk *walk, struct etctree *tree,
		      GError **error)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct etctree_entry *root = etctree_entry_new("");
	g_autoptr(GError) why = NULL;
	struct walking walking = { walk, tree, 0, ETCTREE_FILES_MAX, &why };
	struct stat info;
	gboolean done;

	if (fd < 0 || fstat(fd, &info) != 0) {
		failure_set(error, FAULT_ETC_READ, "cannot open %s: %s", path, g_strerror(errno));
		etctree_entry_free(root);
		if (fd >= 0)
			close(fd);
		return FALSE;
	}
	walking.device = info.st_dev;
	attributes_take(&walking, &info, root);
	etctree_add(tree, root);
	done = entry_read(&walking, fd, ".", root) && folder_read(&walking, dup(fd), "");
	close(fd);
	if (!done)
		g_propagate_error(error, g_steal_pointer(&why));
	etctree_sort(tree);
	return done;
}

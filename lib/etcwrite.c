/* SPDX-License-Identifier: MIT */
#include "etcwrite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "failure.h"

enum { NSEC = 1000 * 1000 * 1000, FOLDER_MODE = 0700, NEW_MODE = 0600 };

static gboolean write_fail(GError **error, const char *path)
{
	return failure_set(error, FAULT_ETC_WRITE, "cannot write %s: %s", path, g_strerror(errno));
}

/* Contents. */

static gboolean bytes_write(int fd, const uint8_t *bytes, size_t size_bytes)
{
	while (size_bytes > 0) {
		const ssize_t done = write(fd, bytes, size_bytes);

		if (done < 0 && errno != EINTR)
			return FALSE;
		if (done > 0) {
			bytes += done;
			size_bytes -= (size_t)done;
		}
	}
	return TRUE;
}

static gboolean file_make(const char *path, const struct etctree_entry *entry,
			  const struct etcwrite *write, GError **error)
{
	g_autoptr(GBytes) content = write->content(write->data, entry, error);
	gboolean done;
	int fd;

	if (content == NULL)
		return FALSE;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, NEW_MODE);
	if (fd < 0)
		return write_fail(error, path);
	done = bytes_write(fd, g_bytes_get_data(content, NULL), g_bytes_get_size(content));
	if (close(fd) != 0 || !done)
		return write_fail(error, path);
	return TRUE;
}

static gboolean node_make(const char *path, const struct etctree_entry *entry,
			  const struct etcwrite *write, GError **error)
{
	int status;

	if (S_ISREG(entry->mode))
		return file_make(path, entry, write, error);
	if (S_ISDIR(entry->mode))
		status = mkdir(path, FOLDER_MODE);
	else if (S_ISLNK(entry->mode))
		status = symlink(entry->target, path);
	else if (entry->mode == 0)
		status = mknod(path, S_IFCHR, 0);
	else
		status = mknod(path, (entry->mode & S_IFMT) | NEW_MODE, entry->rdev);
	return status == 0 || write_fail(error, path);
}

/* Attributes. */

static gboolean xattr_set(const char *path, GVariant *pair)
{
	const char *name;
	g_autoptr(GVariant) value = NULL;
	gsize size_bytes;
	const uint8_t *bytes;

	g_variant_get(pair, "(^&ay@ay)", &name, &value);
	bytes = g_variant_get_fixed_array(value, &size_bytes, 1);
	return lsetxattr(path, name, bytes != NULL ? bytes : (const uint8_t *)"", size_bytes, 0) ==
	       0;
}

static gboolean xattrs_set(const char *path, const struct etctree_entry *entry)
{
	const gsize count = g_variant_n_children(entry->xattrs);

	for (gsize i = 0; i < count; i++) {
		g_autoptr(GVariant) pair = g_variant_get_child_value(entry->xattrs, i);

		if (!xattr_set(path, pair))
			return FALSE;
	}
	return !entry->opaque || lsetxattr(path, "trusted.overlay.opaque", "y", 1, 0) == 0;
}

/* The owner first: to change it takes set-user bits and capabilities away. */
static gboolean attributes_set(const char *path, const struct etctree_entry *entry, GError **error)
{
	if (entry->mode == 0)
		return TRUE;
	if (lchown(path, entry->uid, entry->gid) != 0 ||
	    (!S_ISLNK(entry->mode) && chmod(path, entry->mode & 07777) != 0) ||
	    !xattrs_set(path, entry))
		return write_fail(error, path);
	return TRUE;
}

static gboolean time_set(const char *path, const struct etctree_entry *entry, GError **error)
{
	const int64_t nsec = (entry->mtime_ns % NSEC + NSEC) % NSEC; /* also before 1970 */
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (entry->mtime_ns - nsec) / NSEC, .tv_nsec = nsec },
	};

	return entry->mode == 0 || utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       write_fail(error, path);
}

static gboolean folder_sync(const char *path, int (*flush)(int fd), GError **error)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const gboolean done = fd >= 0 && flush(fd) == 0;

	if (!done)
		write_fail(error, path);
	if (fd >= 0)
		close(fd);
	return done;
}

gboolean etcwrite_tree(const char *path, const struct etctree *tree, const struct etcwrite *write,
		       GError **error)
{
	for (guint i = 0; i < tree->entries->len; i++) {
		const struct etctree_entry *entry = tree->entries->pdata[i];
		g_autofree char *place = g_build_filename(path, entry->path, NULL);

		if (!node_make(place, entry, write, error) || !attributes_set(place, entry, error))
			return FALSE;
	}
	for (guint i = tree->entries->len; i-- > 0;) { /* a folder after what is in it */
		const struct etctree_entry *entry = tree->entries->pdata[i];
		g_autofree char *place = g_build_filename(path, entry->path, NULL);

		if (!time_set(place, entry, error))
			return FALSE;
	}
	return folder_sync(path, syncfs, error);
}

gboolean etcwrite_exchange(const char *parent, const char *first, const char *second,
			   GError **error)
{
	g_autofree char *one = g_build_filename(parent, first, NULL);
	g_autofree char *two = g_build_filename(parent, second, NULL);

	if (renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE) != 0)
		return write_fail(error, one);
	return folder_sync(parent, fsync, error);
}

/* Removing. */

static gboolean folder_empty(int fd)
{
	DIR *folder = fdopendir(fd);
	gboolean done = TRUE;
	struct dirent *child;

	if (folder == NULL) {
		close(fd);
		return FALSE;
	}
	while (done && (child = readdir(folder)) != NULL) {
		if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(folder), child->d_name, 0) == 0)
			continue;
		fd = openat(dirfd(folder), child->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		done = fd >= 0 && folder_empty(fd) &&
		       unlinkat(dirfd(folder), child->d_name, AT_REMOVEDIR) == 0;
	}
	closedir(folder);
	return done;
}

gboolean etcwrite_remove(const char *path, GError **error)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || write_fail(error, path);
	return (folder_empty(fd) && rmdir(path) == 0) || write_fail(error, path);
}

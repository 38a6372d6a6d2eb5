/* SPDX-License-Identifier: MIT */
#include "faultdisk.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct extent {
	gint64 offset;
	GBytes *bytes;
};

struct faultdisk {
	char *disk;
	char *folder;
	gint64 size_bytes;
	GArray *extents;   /* struct extent */
	GHashTable *files; /* name -> GBytes; NULL: there is no folder */
};

static void die(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

static void extent_clear(gpointer data)
{
	g_bytes_unref(((struct extent *)data)->bytes);
}

static GBytes *range_read(int fd, gint64 from, gint64 to)
{
	uint8_t *bytes = g_malloc((gsize)(to - from));

	if (pread(fd, bytes, (size_t)(to - from), from) != (ssize_t)(to - from))
		die("the disk", "cannot be read");
	return g_bytes_new_take(bytes, (gsize)(to - from));
}

/* What is no hole. */
static GArray *extents_read(int fd)
{
	GArray *extents = g_array_new(FALSE, FALSE, sizeof(struct extent));
	gint64 from = 0;

	g_array_set_clear_func(extents, extent_clear);
	while ((from = lseek(fd, from, SEEK_DATA)) >= 0) {
		const gint64 to = lseek(fd, from, SEEK_HOLE);
		const struct extent extent = { from, range_read(fd, from, to) };

		g_array_append_val(extents, extent);
		from = to;
	}
	return extents;
}

/* Names are relative to `top`; `folder` is one of them, or "". */
static void folder_read(GHashTable *files, const char *top, const char *folder)
{
	g_autofree char *path = g_build_filename(top, folder, NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *file;

	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *name = g_build_filename(folder, file, NULL);
		g_autofree char *whole = g_build_filename(top, name, NULL);
		char *text;
		gsize size_bytes;

		if (g_file_test(whole, G_FILE_TEST_IS_DIR)) {
			folder_read(files, top, name);
			continue;
		}
		if (!g_file_get_contents(whole, &text, &size_bytes, NULL))
			die(whole, "cannot be read");
		g_hash_table_insert(files, g_strdup(name), g_bytes_new_take(text, size_bytes));
	}
	if (dir != NULL)
		g_dir_close(dir);
}

static GHashTable *files_read(const char *folder)
{
	GHashTable *files;

	if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
		return NULL;
	files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
				      (GDestroyNotify)g_bytes_unref);
	folder_read(files, folder, "");
	return files;
}

struct faultdisk *faultdisk_save(const char *disk, const char *folder)
{
	struct faultdisk *saved = g_new0(struct faultdisk, 1);
	const int fd = open(disk, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(disk, "cannot be opened");
	saved->disk = g_strdup(disk);
	saved->folder = g_strdup(folder);
	saved->size_bytes = lseek(fd, 0, SEEK_END);
	saved->extents = extents_read(fd);
	saved->files = files_read(folder);
	close(fd);
	return saved;
}

void faultdisk_free(struct faultdisk *saved)
{
	if (saved == NULL)
		return;
	g_array_unref(saved->extents);
	g_clear_pointer(&saved->files, g_hash_table_unref);
	g_free(saved->disk);
	g_free(saved->folder);
	g_free(saved);
}

static void disk_restore(const struct faultdisk *saved)
{
	const int fd = open(saved->disk, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 0) < 0 || ftruncate(fd, saved->size_bytes) < 0)
		die(saved->disk, "cannot be emptied");
	for (guint i = 0; i < saved->extents->len; i++) {
		const struct extent *extent = &g_array_index(saved->extents, struct extent, i);
		gsize size_bytes;
		const void *bytes = g_bytes_get_data(extent->bytes, &size_bytes);

		if (pwrite(fd, bytes, size_bytes, extent->offset) != (ssize_t)size_bytes)
			die(saved->disk, "cannot be written");
	}
	close(fd);
}

static void folder_empty(const char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	if (dir == NULL)
		return;
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_unlink(path) < 0)
			folder_empty(path);
	}
	g_dir_close(dir);
	g_rmdir(folder);
}

static void files_restore(const struct faultdisk *saved)
{
	GHashTableIter each;
	gpointer name, bytes;

	folder_empty(saved->folder);
	if (saved->files == NULL)
		return;
	g_mkdir(saved->folder, 0755);
	g_hash_table_iter_init(&each, saved->files);
	while (g_hash_table_iter_next(&each, &name, &bytes)) {
		g_autofree char *path = g_build_filename(saved->folder, name, NULL);
		g_autofree char *folder = g_path_get_dirname(path);

		g_mkdir_with_parents(folder, 0755);
		if (!g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
					 (gssize)g_bytes_get_size(bytes), NULL))
			die(path, "cannot be written");
	}
}

void faultdisk_restore(const struct faultdisk *saved)
{
	disk_restore(saved);
	files_restore(saved);
}

static void bytes_add(GChecksum *sum, gint64 number, GBytes *bytes)
{
	gsize size_bytes;
	const guchar *data = g_bytes_get_data(bytes, &size_bytes);

	g_checksum_update(sum, (const guchar *)&number, sizeof number);
	g_checksum_update(sum, data, (gssize)size_bytes);
}

static void size_add(GChecksum *sum, GBytes *bytes)
{
	const gsize size_bytes = g_bytes_get_size(bytes);

	g_checksum_update(sum, (const guchar *)&size_bytes, sizeof size_bytes);
}

/* Blocks of zeros count as holes: what is read of both is the same. */
static void extent_add(GChecksum *sum, const struct extent *extent)
{
	enum { BLOCK = 4096 };
	static const char ZEROS[BLOCK];
	const gsize size = g_bytes_get_size(extent->bytes);

	for (gsize at = 0; at < size; at += BLOCK) {
		g_autoptr(GBytes)
			block = g_bytes_new_from_bytes(extent->bytes, at, MIN(size - at, BLOCK));

		if (memcmp(g_bytes_get_data(block, NULL), ZEROS, g_bytes_get_size(block)) != 0)
			bytes_add(sum, extent->offset + (gint64)at, block);
	}
}

static void files_add(GChecksum *sum, GHashTable *files)
{
	GList *names = g_list_sort(g_hash_table_get_keys(files), (GCompareFunc)g_strcmp0);

	for (const GList *name = names; name != NULL; name = name->next) {
		g_checksum_update(sum, name->data, -1);
		size_add(sum, g_hash_table_lookup(files, name->data));
	}
	g_list_free(names);
}

char *faultdisk_name(const char *disk, const char *folder)
{
	g_autoptr(Faultdisk) now = faultdisk_save(disk, folder);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	for (guint i = 0; i < now->extents->len; i++)
		extent_add(sum, &g_array_index(now->extents, struct extent, i));
	if (now->files != NULL)
		files_add(sum, now->files);
	return g_strdup(g_checksum_get_string(sum));
}

/* SPDX-License-Identifier: MIT */
#include "healthlist.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

enum { HEALTHLIST_MAX = 256 }; /* checks in all folders together */

static const char *const KINDS[] = { "required.d", "wanted.d" };

void healthlist_entry_free(struct healthlist_entry *entry)
{
	g_free(entry->path);
	g_free(entry->name);
	g_free(entry);
}

static gboolean writer_allowed(const struct stat *info, const struct health_options *options)
{
	const gboolean owned = info->st_uid == 0 ||
			       (options->trust_owner && info->st_uid == geteuid());

	return owned && (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static gboolean writer_refuse(const char *path, const struct stat *info, GError **error)
{
	return failure_set(error, FAULT_HEALTH_FOLDER,
			   "%s belongs to user %u and has mode %04o: others than root can write it",
			   path, (unsigned)info->st_uid, (unsigned)info->st_mode & 07777);
}

/* Opens a folder for listing; *ret_folder stays NULL where there is none. */
static gboolean folder_open(const char *path, const struct health_options *options,
			    GDir **ret_folder, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct stat info;

	if (stat(path, &info) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return TRUE;
		return failure_set(error, FAULT_HEALTH_FOLDER, "%s: %s", path, g_strerror(errno));
	}
	if (!writer_allowed(&info, options))
		return writer_refuse(path, &info, error);
	*ret_folder = g_dir_open(path, 0, &cause);
	return *ret_folder != NULL || failure_set(error, FAULT_HEALTH_FOLDER, "%s", cause->message);
}

static gboolean link_is_mask(const char *path)
{
	char target[16];
	const ssize_t size_bytes = readlink(path, target, sizeof target);

	return size_bytes == 9 && memcmp(target, "/dev/null", 9) == 0;
}

/* Puts one file into `found`, or takes the masked one out. A link could lead to a place that
 * others can write, so the only link that is accepted is the mask. */
static gboolean file_add(const char *path, const char *name, gboolean required,
			 const struct health_options *options, GHashTable *found, GError **error)
{
	struct healthlist_entry *entry;
	struct stat info;

	if (lstat(path, &info) != 0)
		return failure_set(error, FAULT_HEALTH_FOLDER, "%s: %s", path, g_strerror(errno));
	if (S_ISLNK(info.st_mode) && link_is_mask(path)) {
		g_hash_table_remove(found, name);
		return TRUE;
	}
	if (!S_ISREG(info.st_mode))
		return failure_set(error, FAULT_HEALTH_FOLDER,
				   "%s is neither a regular file nor a link to /dev/null", path);
	if (!writer_allowed(&info, options))
		return writer_refuse(path, &info, error);
	entry = g_new0(struct healthlist_entry, 1);
	entry->path = g_strdup(path);
	entry->name = g_utf8_make_valid(name, -1);
	entry->required = required;
	g_hash_table_replace(found, g_strdup(name), entry);
	return TRUE;
}

/* Hidden files and editors' backups are no checks. */
static gboolean name_is_skipped(const char *name)
{
	return name[0] == '.' || g_str_has_suffix(name, "~");
}

static gboolean folder_add(const char *base, gboolean required,
			   const struct health_options *options, GHashTable *found, GError **error)
{
	g_autofree char *path = g_build_filename(base, KINDS[required ? 0 : 1], NULL);
	g_autoptr(GDir) outer = NULL;
	g_autoptr(GDir) folder = NULL;
	const char *name;

	if (!folder_open(base, options, &outer, error))
		return FALSE;
	if (outer == NULL)
		return TRUE;
	if (!folder_open(path, options, &folder, error))
		return FALSE;
	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (name_is_skipped(name))
			continue;
		if (g_hash_table_size(found) >= HEALTHLIST_MAX)
			return failure_set(error, FAULT_HEALTH_FOLDER,
					   "there are more than %d health checks", HEALTHLIST_MAX);
		if (!file_add(file, name, required, options, found, error))
			return FALSE;
	}
	return TRUE;
}

static gint entry_compare(gconstpointer a, gconstpointer b)
{
	const struct healthlist_entry *const *left = a;
	const struct healthlist_entry *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static gboolean kind_find(const struct health_options *options, gboolean required,
			  GPtrArray *entries, GError **error)
{
	g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							    (GDestroyNotify)healthlist_entry_free);
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	GHashTableIter iter;
	gpointer key, entry;

	for (char **folder = options->folders; folder != NULL && *folder != NULL; folder++)
		if (!folder_add(*folder, required, options, found, error))
			return FALSE;
	g_hash_table_iter_init(&iter, found);
	while (g_hash_table_iter_next(&iter, &key, &entry)) {
		g_hash_table_iter_steal(&iter);
		g_free(key);
		g_ptr_array_add(sorted, entry);
	}
	g_ptr_array_sort(sorted, entry_compare);
	g_ptr_array_extend(entries, sorted, NULL, NULL);
	return TRUE;
}

GPtrArray *healthlist_find(const struct health_options *options, GError **error)
{
	g_autoptr(GPtrArray)
		entries = g_ptr_array_new_with_free_func((GDestroyNotify)healthlist_entry_free);

	if (!kind_find(options, TRUE, entries, error) || !kind_find(options, FALSE, entries, error))
		return NULL;
	return g_steal_pointer(&entries);
}

/* SPDX-License-Identifier: MIT */
#include "execlist.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

void execlist_entry_free(struct execlist_entry *entry)
{
	g_free(entry->path);
	g_free(entry->name);
	g_free(entry);
}

static gboolean writer_allowed(const struct stat *info, const struct execlist_rules *rules)
{
	const gboolean owned = info->st_uid == 0 ||
			       (rules->trust_owner && info->st_uid == geteuid());

	return owned && (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static gboolean writer_refuse(const char *path, const struct stat *info,
			      const struct execlist_rules *rules, GError **error)
{
	return failure_set(error, rules->refusal,
			   "%s belongs to user %u and has mode %04o: others than root can write it",
			   path, (unsigned)info->st_uid, (unsigned)info->st_mode & 07777);
}

/* Opens a folder for listing; *ret_folder stays NULL where there is none. */
static gboolean folder_open(const char *path, const struct execlist_rules *rules, GDir **ret_folder,
			    GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct stat info;

	if (stat(path, &info) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return TRUE;
		return failure_set(error, rules->refusal, "%s: %s", path, g_strerror(errno));
	}
	if (!writer_allowed(&info, rules))
		return writer_refuse(path, &info, rules, error);
	*ret_folder = g_dir_open(path, 0, &cause);
	return *ret_folder != NULL || failure_set(error, rules->refusal, "%s", cause->message);
}

static gboolean link_is_mask(const char *path)
{
	char target[16];
	const ssize_t size_bytes = readlink(path, target, sizeof target);

	return size_bytes == 9 && memcmp(target, "/dev/null", 9) == 0;
}

/* Puts one file into `found`, or takes the masked one out. */
static gboolean file_add(const char *path, const char *name, const struct execlist_rules *rules,
			 GHashTable *found, GError **error)
{
	struct execlist_entry *entry;
	struct stat info;

	if (lstat(path, &info) != 0)
		return failure_set(error, rules->refusal, "%s: %s", path, g_strerror(errno));
	if (S_ISLNK(info.st_mode) && link_is_mask(path)) {
		g_hash_table_remove(found, name);
		return TRUE;
	}
	if (!S_ISREG(info.st_mode))
		return failure_set(error, rules->refusal,
				   "%s is neither a regular file nor a link to /dev/null", path);
	if (!writer_allowed(&info, rules))
		return writer_refuse(path, &info, rules, error);
	entry = g_new0(struct execlist_entry, 1);
	entry->path = g_strdup(path);
	entry->name = g_utf8_make_valid(name, -1);
	g_hash_table_replace(found, g_strdup(name), entry);
	return TRUE;
}

static gboolean name_is_skipped(const char *name)
{
	return name[0] == '.' || g_str_has_suffix(name, "~");
}

static gboolean folder_read(const char *path, const struct execlist_rules *rules, GHashTable *found,
			    GError **error)
{
	g_autoptr(GDir) folder = NULL;
	const char *name;

	if (!folder_open(path, rules, &folder, error))
		return FALSE;
	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (name_is_skipped(name))
			continue;
		if (g_hash_table_size(found) >= rules->max)
			return failure_set(error, rules->refusal, "there are more than %u %s",
					   rules->max, rules->what);
		if (!file_add(file, name, rules, found, error))
			return FALSE;
	}
	return TRUE;
}

/* Who can write the folder above can put another folder in place. */
static gboolean folder_add(const char *base, const char *sub, const struct execlist_rules *rules,
			   GHashTable *found, GError **error)
{
	g_autofree char *path = g_build_filename(base, sub, NULL);
	g_autoptr(GDir) outer = NULL;

	if (sub == NULL)
		return folder_read(base, rules, found, error);
	if (!folder_open(base, rules, &outer, error))
		return FALSE;
	return outer == NULL || folder_read(path, rules, found, error);
}

static gint entry_compare(gconstpointer a, gconstpointer b)
{
	const struct execlist_entry *const *left = a;
	const struct execlist_entry *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

GPtrArray *execlist_find(const char *const *folders, const char *sub,
			 const struct execlist_rules *rules, GError **error)
{
	g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							    (GDestroyNotify)execlist_entry_free);
	g_autoptr(GPtrArray)
		entries = g_ptr_array_new_with_free_func((GDestroyNotify)execlist_entry_free);
	GHashTableIter iter;
	gpointer key, entry;

	for (; folders != NULL && *folders != NULL; folders++)
		if (!folder_add(*folders, sub, rules, found, error))
			return NULL;
	g_hash_table_iter_init(&iter, found);
	while (g_hash_table_iter_next(&iter, &key, &entry)) {
		g_hash_table_iter_steal(&iter);
		g_free(key);
		g_ptr_array_add(entries, entry);
	}
	g_ptr_array_sort(entries, entry_compare);
	return g_steal_pointer(&entries);
}

/* SPDX-License-Identifier: MIT */
#include "etcdiff.h"

#include <string.h>
#include <sys/stat.h>

#include "bytes.h"

static void row_free(gpointer data)
{
	struct etcdiff_row *row = data;

	g_free(row->path);
	g_free(row);
}

static void row_add(GPtrArray *rows, const char *path, enum etcdiff_kind kind,
		    enum etcdiff_conflict conflict)
{
	struct etcdiff_row *row = g_new0(struct etcdiff_row, 1);

	row->path = g_strdup(path);
	row->kind = kind;
	row->conflict = conflict;
	g_ptr_array_add(rows, row);
}

static gboolean is_equal(const struct etctree_entry *ours, const struct etctree_entry *theirs)
{
	return bytes_equal(ours->digest, theirs->digest, ETCTREE_HASH_SIZE);
}

/* The release has there what it had when the change was made, as far as that is known. */
static gboolean is_unmoved(const struct etctree_entry *ours, const struct etctree_entry *theirs)
{
	switch (ours->base) {
	case ETCTREE_BASE_UNKNOWN:
		return TRUE;
	case ETCTREE_BASE_ABSENT:
		return theirs == NULL;
	case ETCTREE_BASE_PRESENT:
		return theirs != NULL &&
		       bytes_equal(ours->base_digest, theirs->digest, ETCTREE_HASH_SIZE);
	}
	g_assert_not_reached();
}

/* Both are there, differ, and the release's has moved. */
static enum etcdiff_conflict conflict_of(const struct etctree_entry *ours,
					 const struct etctree_entry *theirs)
{
	if ((ours->mode & S_IFMT) != (theirs->mode & S_IFMT))
		return ETCDIFF_TYPE;
	return ours->base == ETCTREE_BASE_ABSENT ? ETCDIFF_BOTH_ADDED : ETCDIFF_BOTH_CHANGED;
}

static void gone_compare(GPtrArray *rows, const struct etctree_entry *ours,
			 const struct etctree_entry *theirs)
{
	if (theirs == NULL)
		row_add(rows, ours->path, ETCDIFF_SAME, ETCDIFF_CLEAR);
	else
		row_add(rows, ours->path, ETCDIFF_REMOVED,
			is_unmoved(ours, theirs) ? ETCDIFF_CLEAR : ETCDIFF_REMOVED_CHANGED);
}

static void entry_compare(GPtrArray *rows, const struct etctree_entry *ours,
			  const struct etctree_entry *theirs)
{
	if (ours->mode == 0) {
		gone_compare(rows, ours, theirs);
		return;
	}
	if (theirs == NULL) {
		row_add(rows, ours->path, ETCDIFF_ADDED,
			is_unmoved(ours, theirs) ? ETCDIFF_CLEAR : ETCDIFF_CHANGED_GONE);
		return;
	}
	if (!is_equal(ours, theirs))
		row_add(rows, ours->path, ETCDIFF_CHANGED,
			is_unmoved(ours, theirs) ? ETCDIFF_CLEAR : conflict_of(ours, theirs));
	else if (!S_ISDIR(ours->mode)) /* an overlay has folders for what is in them */
		row_add(rows, ours->path, ETCDIFF_SAME, ETCDIFF_CLEAR);
}

/* A folder that was made anew hides all that the release has in it; so does what is no folder here
 * and one there, but there the row of its own says enough. */
static gboolean is_hidden(const struct etctree *ours, const char *path)
{
	g_autofree char *folder = g_strdup(path);
	char *slash;

	while ((slash = strrchr(folder, '/')) != NULL) {
		const struct etctree_entry *entry;

		*slash = '\0';
		entry = etctree_find(ours, folder);
		if (entry != NULL)
			return entry->opaque;
	}
	return FALSE;
}

static void hidden_add(GPtrArray *rows, const struct etctree *ours, const struct etctree *theirs)
{
	for (guint i = 0; i < theirs->entries->len; i++) {
		const struct etctree_entry *entry = theirs->entries->pdata[i];

		if (etctree_find(ours, entry->path) == NULL && is_hidden(ours, entry->path))
			row_add(rows, entry->path, ETCDIFF_HIDDEN, ETCDIFF_CLEAR);
	}
}

static gint row_compare(gconstpointer a, gconstpointer b)
{
	const struct etcdiff_row *const *first = a;
	const struct etcdiff_row *const *second = b;

	return strcmp((*first)->path, (*second)->path);
}

GPtrArray *etcdiff_make(const struct etctree *ours, const struct etctree *theirs)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);

	for (guint i = 0; i < ours->entries->len; i++) {
		const struct etctree_entry *entry = ours->entries->pdata[i];

		entry_compare(rows, entry, etctree_find(theirs, entry->path));
	}
	hidden_add(rows, ours, theirs);
	g_ptr_array_sort(rows, row_compare);
	return rows;
}

const char *etcdiff_kind_name(enum etcdiff_kind kind)
{
	static const char *const NAMES[ETCDIFF_KIND_COUNT] = {
		[ETCDIFF_ADDED] = "added",     [ETCDIFF_CHANGED] = "changed",
		[ETCDIFF_REMOVED] = "removed", [ETCDIFF_HIDDEN] = "hidden",
		[ETCDIFF_SAME] = "same",
	};

	return NAMES[kind];
}

const char *etcdiff_conflict_name(enum etcdiff_conflict conflict)
{
	static const char *const NAMES[ETCDIFF_CONFLICT_COUNT] = {
		[ETCDIFF_CLEAR] = NULL,
		[ETCDIFF_BOTH_CHANGED] = "both-changed",
		[ETCDIFF_BOTH_ADDED] = "both-added",
		[ETCDIFF_CHANGED_GONE] = "changed-gone",
		[ETCDIFF_REMOVED_CHANGED] = "removed-changed",
		[ETCDIFF_TYPE] = "type",
	};

	return NAMES[conflict];
}

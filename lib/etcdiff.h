/* SPDX-License-Identifier: MIT */
#pragma once
/* Differences of /etc, three ways: what this machine has, what the release brings, and what the
 * release had that was changed when it was changed. Pure.
 *
 * A change wins over what the release brings, always: that is what an overlay does. So nothing is
 * merged here; a conflict names where somebody should look. */

#include <glib.h>

#include "etctree.h"

enum etcdiff_kind {
	ETCDIFF_ADDED,   /* the release has no such thing */
	ETCDIFF_CHANGED, /* it has another one */
	ETCDIFF_REMOVED, /* it has one, and here it is gone */
	ETCDIFF_HIDDEN,  /* likewise, since a folder was made anew here */
	ETCDIFF_SAME,    /* what was changed here is now in the release: the change may go */
	ETCDIFF_KIND_COUNT
};

enum etcdiff_conflict {
	ETCDIFF_CLEAR,           /* the release has there what it had when the change was made */
	ETCDIFF_BOTH_CHANGED,    /* the release has another one since */
	ETCDIFF_BOTH_ADDED,      /* the release has one since, and another one */
	ETCDIFF_CHANGED_GONE,    /* changed here, and gone from the release */
	ETCDIFF_REMOVED_CHANGED, /* gone here, and changed in the release */
	ETCDIFF_TYPE,            /* the release has something of another type since */
	ETCDIFF_CONFLICT_COUNT
};

struct etcdiff_row {
	char *path;
	enum etcdiff_kind kind;
	enum etcdiff_conflict conflict;
};

/* `ours`: the changes, with their bases. `theirs`: what the release brings. An array of struct
 * etcdiff_row, by path; free with g_ptr_array_unref(). Folders that differ in nothing but what is
 * in them are not in it. */
GPtrArray *etcdiff_make(const struct etctree *ours, const struct etctree *theirs);

/* Words: "added", "both-changed", ...; of a conflict that is none, NULL. */
const char *etcdiff_kind_name(enum etcdiff_kind kind);
const char *etcdiff_conflict_name(enum etcdiff_conflict conflict);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Names in a repository: which are safe, where their files are, what a delegation covers. Pure. */

#include <glib.h>

enum {
	TUFPATH_TARGET_MAX = 512, /* bytes of a target's name */
	TUFPATH_PART_MAX = 160,   /* of each part of it; with a hash before it a file name still */
	TUFPATH_ROLE_MAX = 64,    /* of a delegated role's name: 192 when each byte is encoded */
};

/* Parts between slashes, none of them empty, `.` or `..`; no backslash, no control character, valid
 * UTF-8. FAULT_TUF_PATH. */
gboolean tufpath_target_check(const char *name, GError **error);
/* A delegated role may have any name without control characters that is not one of the four of a
 * repository itself; it is encoded wherever it becomes part of a file's name. FAULT_TUF_PATH. */
gboolean tufpath_role_check(const char *name, GError **error);

/* No control characters: fit for a message on a terminal. */
gboolean tufpath_is_printable(const char *text);

/* All bytes but letters, digits and `-._~` as %XX: one part of a path. The caller frees. */
char *tufpath_encode(const char *text);
/* "7.channels.json"; version 0: "channels.json". The role's name is encoded. The caller frees. */
char *tufpath_metadata_file(const char *role, guint64 version);
/* "bundles/HASH.full.azb" of "bundles/full.azb"; hash NULL: as it is. Each part is encoded. The
 * caller frees. */
char *tufpath_target_file(const char *name, const char *hash);

/* A pattern of a delegation's `paths`: `*` is any number of characters, `?` is one, neither is a
 * slash; all else is itself. */
gboolean tufpath_match(const char *pattern, const char *name);

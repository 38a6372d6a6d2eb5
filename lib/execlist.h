/* SPDX-License-Identifier: MIT */
#pragma once
/* Lists of executables in drop-in folders, such as health checks and hooks. A file takes the place
 * of one with the same name in an earlier folder; a link to /dev/null takes it out. Hidden files
 * and editors' backups are passed over. What others than root could change is refused: folders,
 * files, and any other link, since it could lead to where they can. */

#include <glib.h>

#include "fault.h"

struct execlist_rules {
	fault refusal;        /* the fault of everything that is refused */
	gboolean trust_owner; /* tests: accept files of the calling user instead of root */
	unsigned max;         /* files in all folders together */
	const char *what;     /* for messages: "health checks" */
};

struct execlist_entry {
	char *path;
	char *name; /* the file's name, valid UTF-8 */
};
void execlist_entry_free(struct execlist_entry *entry);

/* The files of FOLDER/sub of each folder, or of the folders themselves if sub is NULL, of struct
 * execlist_entry, by name. A folder that is not there holds none. NULL with the rules' fault. */
GPtrArray *execlist_find(const char *const *folders, const char *sub,
			 const struct execlist_rules *rules, GError **error);

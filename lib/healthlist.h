/* SPDX-License-Identifier: MIT */
#pragma once
/* Health lists: finds the checks of all sources, and refuses what others than root could change. */

#include <glib.h>

#include "health.h"

struct healthlist_entry {
	enum health_source source;
	char *path; /* of a program; NULL of greenboot's: it is there, and has no required.d */
	char *name; /* the file's, unit's or built-in check's name, valid UTF-8 */
	gboolean required;
	gboolean is_script; /* of greenboot's: for bash */
};

void healthlist_entry_free(struct healthlist_entry *entry);

/* The checks to run, of struct healthlist_entry: required ones first, of each source in its order.
 * A folder that is not there holds no checks. NULL with FAULT_HEALTH_FOLDER. */
GPtrArray *healthlist_find(const struct health_options *options, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Health lists: finds the checks in the folders, and refuses what others than root could change. */

#include <glib.h>

#include "health.h"

struct healthlist_entry {
	char *path;
	char *name; /* the file's name, valid UTF-8 */
	gboolean required;
};

void healthlist_entry_free(struct healthlist_entry *entry);

/* The checks to run, of struct healthlist_entry: required ones first, each by name. A folder that
 * is not there holds no checks. NULL with FAULT_HEALTH_FOLDER. */
GPtrArray *healthlist_find(const struct health_options *options, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Failed releases: what did not work on this machine, and why; kept in STATE/failed.json. */

#include <glib.h>

#include "fault.h"

enum { FAILED_MAX = 64 }; /* the oldest ones are forgotten */

struct failed {
	char *version;
	char *root_hash; /* hex */
	fault why;
	char *reason;
	gint64 time_us;
};

/* An empty array where there is no file, or none that can be read: a damaged one is told in the
 * log and replaced by the next failed_save(), since it must not stand in the way of an update. */
GPtrArray *failed_load(const char *state_dir);
/* Atomic: the file is the old one or the new one, on the disk when this returns. */
gboolean failed_save(const char *state_dir, const GPtrArray *list, GError **error);
const struct failed *failed_find(const GPtrArray *list, const char *root_hash);
/* Adds, or replaces the entry of the same root hash. */
void failed_add(GPtrArray *list, const char *version, const char *root_hash, fault why,
		const char *reason);
gboolean failed_remove(GPtrArray *list, const char *root_hash);

/* Writes a file of the state folder atomically: temporary file, fsync, rename, fsync of the
 * folder. Makes the folder if it is missing. */
gboolean state_write(const char *state_dir, const char *name, const char *text, GError **error);

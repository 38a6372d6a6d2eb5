/* SPDX-License-Identifier: MIT */
#pragma once
/* What of a repository somebody may still want to read, as a value: a client reads the timestamp
 * first, and with what it names it may go on for as long as its patience lasts. */

#include <glib.h>

enum { KEEP_VERSIONS = 3, KEEP_DAYS = 14, KEEP_VERSIONS_MAX = 1000000, KEEP_DAYS_MAX = 36500 };

struct keep_rule {
	gint64 versions; /* so many of those that have been replaced stay, whatever their age */
	gint64 age_s;    /* and what was in use less than this ago */
	gint64 now_s;
};

/* Whether version `version` of a role stays; `replaced_s`: when the next one came. */
gboolean keep_version(const struct keep_rule *rule, gint64 published, gint64 version,
		      gint64 replaced_s);
/* Whether a file stays that no metadata that stay lead to; `changed_s`: when it was written. */
gboolean keep_file(const struct keep_rule *rule, gint64 changed_s);
/* "12.targets.json" of a role's name: 12; 0: it is no such file. */
gint64 keep_file_version(const char *file, const char *role);
/* Whether a target's file is named as we name them: SHA-256 in hex, a dot, and more. */
gboolean keep_is_target(const char *file);

/* SPDX-License-Identifier: MIT */
#include "keep.h"

#include <string.h>

enum { HASH_DIGITS = 64 };

/* A time in the future says nothing of the age: the clock, or a copy, was wrong. */
gboolean keep_file(const struct keep_rule *rule, gint64 changed_s)
{
	return changed_s > rule->now_s - rule->age_s;
}

gboolean keep_version(const struct keep_rule *rule, gint64 published, gint64 version,
		      gint64 replaced_s)
{
	return version >= published || published - version <= rule->versions ||
	       keep_file(rule, replaced_s);
}

gint64 keep_file_version(const char *file, const char *role)
{
	g_autofree char *end = g_strdup_printf(".%s.json", role);
	const size_t digits = strspn(file, "0123456789");
	guint64 version;

	if (digits == 0 || file[0] == '0' || strcmp(file + digits, end) != 0)
		return 0;
	version = g_ascii_strtoull(file, NULL, 10);
	return version <= G_MAXINT64 ? (gint64)version : 0;
}

gboolean keep_is_target(const char *file)
{
	return strspn(file, "0123456789abcdef") == HASH_DIGITS && file[HASH_DIGITS] == '.' &&
	       file[HASH_DIGITS + 1] != '\0';
}

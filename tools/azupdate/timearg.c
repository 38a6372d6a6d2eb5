/* SPDX-License-Identifier: MIT */
#include "timearg.h"

#include <string.h>

#include "failure.h"

enum { SPAN_MAX_S = 10 * 366 * 86400 };

static const struct unit {
	const char *name;
	gint64 seconds;
} UNITS[] = {
	{ "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 7 * 86400 },
};

gboolean timearg_span(const char *text, gint64 *ret_span_s, GError **error)
{
	char *rest = NULL;
	const guint64 number = g_ascii_strtoull(text, &rest, 10);

	for (size_t i = 0; g_ascii_isdigit(text[0]) && i < G_N_ELEMENTS(UNITS); i++)
		if (strcmp(rest, UNITS[i].name) == 0 && number > 0 &&
		    number <= (guint64)(SPAN_MAX_S / UNITS[i].seconds)) {
			*ret_span_s = (gint64)number * UNITS[i].seconds;
			return TRUE;
		}
	return failure_set(error, FAULT_ARGUMENT,
			   "\"%.64s\" is no span of time: say 90min, 6h, 3d or 2w", text);
}

gboolean timearg_time(const char *text, gint64 *ret_time_s, GError **error)
{
	g_autoptr(GTimeZone) zone = g_time_zone_new_local();
	g_autofree char *full = strlen(text) == strlen("YYYY-MM-DD")
					? g_strconcat(text, "T00:00:00", NULL)
				: strlen(text) == strlen("YYYY-MM-DD HH:MM")
					? g_strconcat(text, ":00", NULL)
					: g_strdup(text);
	g_autoptr(GDateTime) time = NULL;

	g_strdelimit(full, " ", 'T');
	time = g_date_time_new_from_iso8601(full, zone);
	if (time == NULL)
		return failure_set(error, FAULT_ARGUMENT,
				   "\"%.64s\" is no time: say YYYY-MM-DD or \"YYYY-MM-DD HH:MM\"",
				   text);
	*ret_time_s = g_date_time_to_unix(time);
	return TRUE;
}

char *timearg_show(gint64 time_s)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_s);

	return time == NULL ? g_strdup("?") : g_date_time_format(time, "%F %H:%M %Z");
}

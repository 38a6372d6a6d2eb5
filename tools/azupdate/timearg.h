/* SPDX-License-Identifier: MIT */
#pragma once
/* Times on the command line. */

#include <glib.h>

/* A span, such as 90min, 6h, 3d, 2w: seconds in *ret_span_s, at most ten years. FAULT_ARGUMENT. */
gboolean timearg_span(const char *text, gint64 *ret_span_s, GError **error);
/* A local time, YYYY-MM-DD or YYYY-MM-DD HH:MM; or ISO 8601 with a zone, such as
 * 2026-11-26T22:00:00Z. Seconds since 1970. FAULT_ARGUMENT. */
gboolean timearg_time(const char *text, gint64 *ret_time_s, GError **error);
/* A time as people read it, in the local zone; free with g_free(). */
char *timearg_show(gint64 time_s);

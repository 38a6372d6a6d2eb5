/* SPDX-License-Identifier: MIT */
#include "quietlog.h"

gboolean quietlog_take(struct quietlog *log, gint64 now_us, unsigned *ret_kept)
{
	*ret_kept = 0;
	if (log->since_us == 0 ||
	    now_us - log->since_us >= (gint64)QUIETLOG_PERIOD_S * G_USEC_PER_SEC) {
		*ret_kept = log->kept;
		*log = (struct quietlog){ .since_us = now_us };
	}
	if (log->said == QUIETLOG_LINES_MAX) {
		if (log->kept < G_MAXUINT)
			log->kept++;
		return FALSE;
	}
	log->said++;
	return TRUE;
}

void quietlog_say(struct quietlog *log, const char *format, ...)
{
	g_autofree char *line = NULL;
	va_list arguments;
	unsigned kept;

	if (!quietlog_take(log, g_get_monotonic_time(), &kept))
		return;
	va_start(arguments, format);
	line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (kept > 0)
		g_message("%u lines like the next one were not written", kept);
	g_message("%s", line);
}

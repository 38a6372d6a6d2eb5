/* SPDX-License-Identifier: MIT */
#pragma once
/* Quiet log: lines that anyone can cause, so many in a minute and no more. Pure but for the log. */

#include <glib.h>

enum { QUIETLOG_LINES_MAX = 10, QUIETLOG_PERIOD_S = 60 };

struct quietlog {
	gint64 since_us; /* monotonic; 0: nothing was said yet */
	unsigned said;
	unsigned kept; /* lines that were not said */
};

/* Whether a line may be said at `now_us` (monotonic). *ret_kept is how many were not said in the
 * period that ended with this one, to be said with it; else 0. */
gboolean quietlog_take(struct quietlog *log, gint64 now_us, unsigned *ret_kept);
/* Says it, or counts it. */
void quietlog_say(struct quietlog *log, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Reboot count: how often the machine was rebooted for its health in the last 24 hours, in
 * STATE/health-reboots.json.
 *
 * A reboot is noted before it is done: a power cut in between costs one, and never grants one. A
 * file that cannot be read is not a machine that never rebooted: then the count is not known, and
 * the file is made anew as if it had been full, so that it is known again a day later. Times that
 * lie ahead count, too: a clock that was set back must not grant reboots. */

#include <glib.h>

enum {
	REBOOTCOUNT_MAX = 100, /* times that are kept: the most that may be allowed */
	REBOOTCOUNT_SPAN_S = 24 * 3600,
};

/* FALSE: it is not known. Without a file it is 0. */
gboolean rebootcount_get(const char *state_dir, gint64 now_us, unsigned *ret_count);
/* FAULT_STATE_FILE. On the disk when this returns. */
gboolean rebootcount_note(const char *state_dir, gint64 now_us, GError **error);

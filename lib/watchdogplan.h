/* SPDX-License-Identifier: MIT */
#pragma once
/* Watchdog plan: what systemd is told about the hardware's watchdog while a release is on trial,
 * and after it. Pure.
 *
 * The image decides on the watchdog of a release that was committed (docs/WATCHDOGS.md). One on
 * trial has it armed in any case, so that a hang ends in a reset, which costs a try. */

#include <glib.h>

enum watchdogplan_action {
	WATCHDOGPLAN_LEAVE,
	WATCHDOGPLAN_ARM,     /* remember what is set now, then set `time_us` */
	WATCHDOGPLAN_RESTORE, /* set `time_us`, then forget it */
	WATCHDOGPLAN_MISSING, /* it should be armed, and there is no device */
};

struct watchdogplan_input {
	gboolean on_trial;   /* the running release is not committed */
	gboolean has_device; /* the kernel knows a watchdog */
	unsigned limit_s;    /* [health] watchdog=; 0: leave it alone */
	guint64 now_us; /* systemd's RuntimeWatchdogUSec; 0: off; G_MAXUINT64: the device's own */
	gboolean remembered; /* it was armed by us in this boot */
	guint64 before_us;   /* and this is what was set before */
};

struct watchdogplan {
	enum watchdogplan_action action;
	guint64 time_us;
};

struct watchdogplan watchdogplan_decide(const struct watchdogplan_input *input);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Unit judge: whether a unit of systemd runs steadily, from what is seen of it now and then. Pure.
 *
 * It must become active in time, and then must have been active for the soak time without a break:
 * the same invocation, and no restart. What it was active before the first look counts, so that a
 * machine that has run for a while is not made to wait. One that stopped or was restarted while
 * it was watched has failed; it is not given another chance, which it would probably pass. */

#include <glib.h>

enum unitjudge_state {
	UNITJUDGE_ACTIVE,   /* also while it reloads */
	UNITJUDGE_COMING,   /* starts, or waits to be restarted */
	UNITJUDGE_INACTIVE, /* also while it stops */
	UNITJUDGE_FAILED,
	UNITJUDGE_MISSING, /* there is no such unit, or it cannot be loaded */
};

enum { UNITJUDGE_INVOCATION_SIZE = 16 };

struct unitjudge_sample {
	gint64 now_us; /* all times: CLOCK_MONOTONIC */
	enum unitjudge_state state;
	gint64 active_since_us;                       /* if it is active */
	guint32 restarts;                             /* by systemd, since it was started */
	guint8 invocation[UNITJUDGE_INVOCATION_SIZE]; /* zeros: not known */
};

enum unitjudge_verdict {
	UNITJUDGE_WAIT,
	UNITJUDGE_GOOD,
	UNITJUDGE_BAD,
};

/* Begin with zeros, but for the limits. */
struct unitjudge {
	gint64 timeout_us; /* to become active */
	gint64 soak_us;
	gboolean has_begun;
	gboolean was_active;
	gint64 begin_us;
	struct unitjudge_sample first; /* in which it was active */
};

enum { UNITJUDGE_REASON_MAX = 127 }; /* bytes, and a NUL */

/* With UNITJUDGE_BAD, ret_reason is what follows the unit's name: "was not active after 60 s". */
enum unitjudge_verdict unitjudge_look(struct unitjudge *judge,
				      const struct unitjudge_sample *sample,
				      char ret_reason[static UNITJUDGE_REASON_MAX + 1]);

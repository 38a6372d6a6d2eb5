/* SPDX-License-Identifier: MIT */
#pragma once
/* Ladder: what follows from the health checks of a boot: commit, check again, reboot, or stay.
 * Pure. docs/HEALTH.md has it as a table.
 *
 * A reboot spends a try of a release on trial, and azboot itself counts those; so they have an end
 * even where the count of reboots is lost. The reboots away from a committed release have none,
 * but for the limit here: what cannot be counted is not done. */

#include <glib.h>

enum ladder_step {
	LADDER_COMMIT,
	LADDER_RETRY, /* the checks once more, after a pause */
	LADDER_REBOOT,
	LADDER_STAY,
	LADDER_STEP_COUNT
};

enum ladder_reason {
	LADDER_HEALTHY,
	LADDER_ROUND,       /* there is another round */
	LADDER_TRY,         /* the trial has another try, or the other slot its turn */
	LADDER_OTHER,       /* the other slot holds a good release */
	LADDER_NOWHERE,     /* a reboot would lead nowhere better */
	LADDER_HELD,        /* somebody holds automatic reboots off, until the next boot */
	LADDER_NEVER,       /* [health] reboot=never */
	LADDER_LIMIT,       /* there were reboots enough in the last 24 hours */
	LADDER_NOT_COUNTED, /* it is not known how many there were */
	LADDER_REASON_COUNT
};

struct ladder_state {
	gboolean healthy;
	unsigned rounds_left;  /* of checks, at this boot */
	gboolean reboot_helps; /* slot_reboot_helps() */
	gboolean on_trial;     /* the running release was never committed */
	gboolean held;         /* by the operator */
	gboolean reboot_never; /* [health] reboot=never */
	gboolean counted;      /* whether `reboots` is known */
	unsigned reboots;      /* by us, in the last 24 hours */
	unsigned reboots_max;  /* [health] reboots-per-day= */
};

struct ladder_choice {
	enum ladder_step step;
	enum ladder_reason reason;
};

struct ladder_choice ladder_choose(const struct ladder_state *state);
/* "committed", "retry", "reboot", "stay" */
const char *ladder_step_name(enum ladder_step step);
/* A clause for people: "a reboot would lead nowhere better". */
const char *ladder_reason_text(enum ladder_reason reason);

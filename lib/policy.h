/* SPDX-License-Identifier: MIT */
#pragma once
/* Policy: what a machine should do now about updates, why, and when to ask again.
 *
 * One pure function: no clock, no I/O, nothing allocated. The daemon gathers what it asks for,
 * does what it says, and asks again at `next_s` or when something changed; `azupdate why` prints
 * its reasons; tools/fleetsim runs it for a million machines. docs/POLICY.md tells the rules.
 *
 * All times are seconds since 1970. Strings are borrowed from the input. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "fault.h"
#include "window.h"
#include "zone.h"

enum {
	POLICY_REASONS_MAX = 40,
	POLICY_POLL_S = 600,        /* what nobody announces is looked at again after that */
	POLICY_FRESH_S = 900,       /* nothing is done on the word of an older check */
	POLICY_CLOCK_SLACK_S = 600, /* a clock may be set back by so much */
	POLICY_RETRY_FIRST_S = 300, /* check again after a failed one: doubled up to the interval */
	POLICY_BACKOFF_FIRST_S = 900, /* stage again after a failure: doubled up to a day */
	POLICY_BACKOFF_MAX_S = 86400,
	POLICY_BOOT_S = 600,        /* a good boot_spread_s */
	POLICY_LOCK_RETRY_S = 60,   /* ask for the lock again: after once to three times of it */
	POLICY_WARNED_MAX_S = 3600, /* a warning to users that is older than the time it gave by
				     * so much counts no more */
	POLICY_DELTA_ATTEMPTS = 2,  /* then the release's full bundle is taken */
};
static const int64_t POLICY_TIME_MAX_S = 253402300799; /* the end of the year 9999 */

/* What the daemon is to do now. */
enum policy_action {
	POLICY_NOTHING,
	POLICY_CHECK,    /* fetch the channel's document anew */
	POLICY_STAGE,    /* write `release` into the other slot, over what may be staged there */
	POLICY_DROP,     /* what is staged must not boot: mark its slot bad */
	POLICY_ACTIVATE, /* make `release`, which is staged, the next boot */
	POLICY_LOCK,     /* ask FleetLock for the lock; note a refusal in the state */
	POLICY_WARN,     /* tell logged-in users of the reboot; note it in the state */
	POLICY_REBOOT,   /* into `release`, which is activated */
	POLICY_UNLOCK,   /* give the lock back: no reboot is about to happen */
	POLICY_ACTION_COUNT
};

/* How long a reason lasts, where it is no time. */
static const int64_t POLICY_UNTIL_CHANGE = INT64_MAX - 1; /* till it changes by itself */
static const int64_t POLICY_UNTIL_ACT = INT64_MAX;        /* till somebody acts */

/* In the order in which they are told. Their stable names stand in policytext.c. */
enum policy_reason_id {
	/* nothing is decided before these are over */
	POLICY_REASON_NO_SLOT, /* not booted from a slot */
	POLICY_REASON_BUSY,    /* a job is running */
	POLICY_REASON_CLOCK,   /* want: the last known time */
	POLICY_REASON_TRIAL,   /* version: the running one, not committed yet */
	/* about releases */
	POLICY_REASON_NEVER_CHECKED,   /* there is no channel document yet */
	POLICY_REASON_UNREACHABLE,     /* have: since when the server does not answer, 0: ever */
	POLICY_REASON_EXPIRED,         /* have: when the metadata expired */
	POLICY_REASON_UNDATED,         /* what the channel says cannot expire */
	POLICY_REASON_RUNNING_REVOKED, /* version, text: why */
	POLICY_REASON_NO_WAY,          /* version: running, revoked, and nothing to move to */
	POLICY_REASON_DEAD_END,        /* version, text; running, or not moved to */
	POLICY_REASON_STAGED_REVOKED,  /* version, text */
	POLICY_REASON_STAGED_FAILED,   /* version, text: staged again by hand after it failed */
	POLICY_REASON_STAGED_BELOW,    /* version; have: its security version, want: the floor */
	POLICY_REASON_BY_HAND,         /* version: staged, but the channel leads not there */
	POLICY_REASON_BARRIER,    /* version: to be passed through first, which cannot be now */
	POLICY_REASON_REVOKED,    /* version, text: passed over */
	POLICY_REASON_FAILED,     /* version, text: passed over, it failed here */
	POLICY_REASON_ATTEMPTS,   /* version; have: attempts that failed */
	POLICY_REASON_FLOOR,      /* version; have: security version, want: the floor */
	POLICY_REASON_PAUSED,     /* version, text */
	POLICY_REASON_WAVE,       /* version; until its turn comes */
	POLICY_REASON_UP_TO_DATE, /* version: running */
	POLICY_REASON_AVAILABLE,  /* version: what the machine should move to now */
	POLICY_REASON_SUPERSEDE,  /* version: staged, to be replaced */
	POLICY_REASON_STAGED,     /* version: staged, to be booted */
	/* gates */
	POLICY_REASON_HOLD,          /* text: by whom and why */
	POLICY_REASON_APPROVAL,      /* version */
	POLICY_REASON_HOOK,          /* text */
	POLICY_REASON_SOAK,          /* version: running */
	POLICY_REASON_BACKOFF,       /* version, text; have: attempts so far */
	POLICY_REASON_MAINS,         /* runs on battery */
	POLICY_REASON_BATTERY,       /* have, want: percent */
	POLICY_REASON_METERED,       /* the network costs money */
	POLICY_REASON_SPACE,         /* have, want: bytes */
	POLICY_REASON_WINDOW,        /* until the machine's place in the next window */
	POLICY_REASON_REBOOT_NEVER,  /* activated; somebody must reboot */
	POLICY_REASON_REBOOT_WINDOW, /* as WINDOW */
	POLICY_REASON_INHIBITOR,     /* text: who */
	POLICY_REASON_LOCK,          /* text: the refusal; until asked again */
	POLICY_REASON_USERS,         /* have: logged in; until the time that they were given */
	POLICY_REASON_LOCK_IDLE,     /* the lock is held without need */
	POLICY_REASON_NEXT_CHECK,    /* until the next check; have: the last one, 0: never */
	POLICY_REASON_COUNT
};

struct policy_reason {
	enum policy_reason_id id;
	bool blocks;         /* it alone keeps something from being done now */
	int64_t until_s;     /* a time, POLICY_UNTIL_CHANGE or POLICY_UNTIL_ACT */
	const char *version; /* these four as the id says; NULL, 0 where it says nothing */
	const char *text;
	const char *by; /* of a hold */
	uint64_t have;
	uint64_t want;
};

/* What is so now. */
struct policy_machine {
	const char *machine_id; /* 32 hex characters */
	uint64_t place;         /* policy_place(machine_id): computed once */
	const char *running;    /* version; NULL: not booted from a slot */
	bool committed;         /* the running release is good; FALSE: it is on trial */
	const char *staged;     /* version in the other slot, complete and never booted, or NULL */
	const char *staged_root_hash; /* hex; NULL: not known, then its version counts */
	uint64_t staged_security_version;
	bool activated;          /* the staged release is the next boot */
	uint64_t floor;          /* lowest security version that boots */
	bool busy;               /* a job is running */
	int64_t boot_s;          /* when the machine was booted, 0: unknown */
	const struct zone *zone; /* NULL: UTC */
	bool on_battery;         /* not on mains */
	int battery_percent;     /* -1: it has none */
	bool metered;
	uint64_t free_bytes;   /* in the state folder; UINT64_MAX: unknown */
	const char *hook;      /* what the hook that says no says, or NULL */
	const char *inhibitor; /* who blocks a shutdown, or NULL */
	unsigned users;        /* logged in */
	/* wave_place() for each release of the channel, where it is known already; NULL: it is
	 * computed. Of releases without a rollout it is not looked at. */
	const uint64_t *places;
	/* Somebody asks for it now: windows, waves, soak, approval, spent attempts, back-off and a
	 * metered network do not hold it back. */
	bool asked;
};

/* What the administrator wants. */
struct policy_config {
	const struct window *windows;        /* to stage in; NULL: always */
	const struct window *reboot_windows; /* NULL: as windows */
	bool approval;                       /* a person must approve each release */
	bool mains;                          /* only on mains */
	bool metered;                        /* on metered networks, too */
	bool reboot;                         /* FALSE: never by itself */
	bool lock;                           /* FleetLock is configured */
	unsigned soak_s;
	unsigned check_interval_s; /* at least 60 */
	unsigned boot_spread_s;    /* the first check after a boot: within so many seconds */
	unsigned battery_minimum;  /* percent */
	unsigned attempts;         /* at staging one release; at least 1 */
	unsigned warn_s;           /* that logged-in users get; 0: they are not warned */
	uint64_t free_minimum_bytes;
};

struct policy_hold {
	int64_t until_s; /* or POLICY_UNTIL_ACT */
	char *by;
	char *reason;
};

/* Attempts at staging a release that failed. What failed for good is in failed.h's list. */
struct policy_attempt {
	char *version;
	unsigned count;
	int64_t last_s;
	char *reason; /* why the last one failed */
};

/* What was before. policystate.h keeps it. */
struct policy_state {
	const struct policy_hold *holds;
	unsigned n_holds;
	const char *const *approved; /* versions */
	unsigned n_approved;
	const struct policy_attempt *attempts;
	unsigned n_attempts;
	const GPtrArray *failed; /* of struct failed (failed.h), or NULL */
	int64_t last_known_s;    /* it was this late already: stored, or vouched for by metadata */
	int64_t last_check_s;    /* 0: never */
	int64_t last_success_s;  /* 0: never */
	unsigned check_failures; /* in a row */
	int64_t committed_s;     /* when the running release was committed, 0: unknown */
	int64_t warned_s;        /* when users were last warned, 0: never */
	bool lock_held;
	int64_t lock_refused_s;   /* when the lock was last refused, 0: not since it was had */
	const char *lock_refusal; /* in words, or NULL */
};

struct policy_input {
	int64_t now_s; /* 0 to POLICY_TIME_MAX_S */
	const struct policy_machine *machine;
	const struct channel *channel; /* NULL: none yet */
	int64_t expires_s;             /* the repository's metadata; 0: unknown */
	bool undated;                  /* there is no such time: it is an ostree repository's ref */
	const struct policy_config *config;
	const struct policy_state *state;
};

struct policy_decision {
	enum policy_action action;
	const struct channel_release *release; /* of the channel; NULL unless the action names it */
	bool urgent;                           /* the running release is revoked */
	bool full_only;                        /* deltas have failed: take the full bundle */
	int64_t next_s;                        /* ask again then, at the latest; always after now */
	unsigned n_reasons;
	struct policy_reason reasons[POLICY_REASONS_MAX];
};

/* With POLICY_NOTHING there is at least one reason, and the answer stays the same until next_s if
 * nothing changes but the time. Never stages, activates or boots what is older than the running
 * release, revoked, paused, under the floor, or failed here. */
struct policy_decision policy_decide(const struct policy_input *input);

/* A machine's place in what has no salt of its own: windows, retries. */
uint64_t policy_place(const char *machine_id);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Policy state: what a machine remembers between two decisions of the policy, in
 * STATE/policy.json: holds, approvals, attempts, checks, and a history for people. Releases that
 * failed here are not in it: failed.h has them. Writing is atomic, as failed.h's state_write(). */

#include <glib.h>

#include "policy.h"

enum {
	POLICYSTATE_HOLDS_MAX = 16,
	POLICYSTATE_APPROVED_MAX = 16, /* the oldest ones are forgotten */
	POLICYSTATE_ATTEMPTS_MAX = 64, /* these, too */
	POLICYSTATE_HISTORY_MAX = 200, /* and these */
	POLICYSTATE_TEXT_MAX = 256,    /* bytes of a reason or a name: longer ones are cut */
};

struct policystate_event {
	int64_t time_s;
	char *what;    /* a word: staged, committed, rolled-back, ... */
	char *version; /* or NULL */
	char *reason;  /* or NULL */
};

struct policystate {
	GArray *holds;       /* of struct policy_hold */
	GPtrArray *approved; /* versions */
	GArray *attempts;    /* of struct policy_attempt */
	GArray *history;     /* of struct policystate_event, newest last */
	int64_t last_known_s;
	int64_t last_check_s;
	int64_t last_success_s;
	unsigned check_failures;
	int64_t committed_s;
	int64_t warned_s;
	gboolean lock_held;
	int64_t lock_refused_s;
	char *lock_refusal; /* or NULL */
};
typedef struct policystate Policystate; /* for g_autoptr() only */

/* An empty state where there is no file. A damaged one is not taken for that: NULL with
 * FAULT_POLICYSTATE, since a hold or an approval would be forgotten with it; the administrator
 * decides. FAULT_STATE_FILE if it cannot be read. */
struct policystate *policystate_load(const char *state_dir, GError **error);
/* FAULT_STATE_FILE. */
gboolean policystate_save(const char *state_dir, const struct policystate *state, GError **error);
struct policystate *policystate_new(void);
void policystate_free(struct policystate *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policystate, policystate_free)

/* What policy_decide() is to know of it; borrows. `failed` is failed_load()'s, or NULL. */
struct policy_state policystate_view(const struct policystate *state, const GPtrArray *failed);

/* Texts are copied, made printable, and cut. `until_s` may be POLICY_UNTIL_ACT. A hold by the same
 * name is replaced. FALSE with FAULT_POLICYSTATE_FULL. */
gboolean policystate_hold(struct policystate *state, int64_t until_s, const char *by,
			  const char *reason, GError **error);
/* Takes away the hold by that name, or all of them (NULL); how many there were. */
unsigned policystate_unhold(struct policystate *state, const char *by);
/* Forgets holds that are over at `now_s`. */
void policystate_tidy(struct policystate *state, int64_t now_s);

void policystate_approve(struct policystate *state, const char *version);
/* An attempt at staging failed. */
void policystate_attempt(struct policystate *state, const char *version, int64_t now_s,
			 const char *reason);
/* The release is staged, or somebody wants it tried anew. */
void policystate_forget_attempts(struct policystate *state, const char *version);

/* A check was made. A time that the repository's metadata was valid at is remembered as known:
 * clocks that show less are wrong. One that failed vouches for nothing, so that a clock which is
 * ahead for an hour does not stop updates for years. */
void policystate_checked(struct policystate *state, int64_t now_s, gboolean success);
/* A release was committed: soak begins, what was meant for its reboot is over. */
void policystate_committed(struct policystate *state, int64_t now_s);
/* The lock was given (NULL) or refused for a reason. */
void policystate_lock(struct policystate *state, int64_t now_s, const char *refusal);
void policystate_unlocked(struct policystate *state);
void policystate_warned(struct policystate *state, int64_t now_s);

void policystate_note(struct policystate *state, int64_t now_s, const char *what,
		      const char *version, const char *reason);

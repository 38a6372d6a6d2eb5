/* SPDX-License-Identifier: MIT */
#pragma once
/* Slots: which copy of the system to start next, and what to remember first.
 *
 * Everything here maps values to values. azboot acts on it at boot, the daemon uses the same
 * code to change the table and to tell what the next boot will do. */

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

enum {
	SLOT_A,
	SLOT_B,
	SLOT_COUNT,
	SLOT_NONE = SLOT_COUNT,
	SLOT_TRIES_DEFAULT = 3,
	SLOT_TRIES_MAX = 7,
	SLOT_PRIORITY_MAX = 3,
	SLOT_FAILURES_LIMIT = 3, /* a good slot that failed so often in a row is passed over */
	SLOT_FAILURES_MAX = 7,   /* where the count stops */
	SLOT_HASH_SIZE = 32,
};

enum slot_state {
	SLOT_EMPTY,  /* nothing installed, or an install is in progress */
	SLOT_STAGED, /* complete and verified, not chosen for booting yet */
	SLOT_TRYING, /* activated, has not proven itself yet */
	SLOT_GOOD,   /* booted and was committed at least once */
	SLOT_BAD,    /* spent its tries, or failed verification, or was marked */
	SLOT_STATE_COUNT
};

struct slot {
	enum slot_state state;
	uint8_t priority;   /* 0..SLOT_PRIORITY_MAX, the higher one is preferred */
	uint8_t tries_left; /* of a trying slot */
	uint8_t failures;   /* boots in a row that never reached commit, of a good slot, or of a
			     * trying one without tries */
	uint32_t fault;     /* why it is bad or last failed, FAULT_OK if nothing is known */
	uint64_t security_version;
	uint8_t root_hash[SLOT_HASH_SIZE];
};

struct slot_table {
	struct slot slots[SLOT_COUNT];
	uint8_t once;           /* slot to boot once, next, or SLOT_NONE */
	uint8_t last;           /* slot that was booted last, or SLOT_NONE */
	uint32_t last_fault;    /* what the boot program met at the last boot */
	uint64_t floor_request; /* security version to raise the floor to, 0: leave it */
	bool recovered;         /* rebuilt from the slots' headers after both copies were lost */
};

enum slot_reason {
	SLOT_REASON_NONE,        /* nothing is bootable */
	SLOT_REASON_ONCE,        /* one-shot choice */
	SLOT_REASON_TRIAL,       /* activated release on trial */
	SLOT_REASON_PREFERRED,   /* the good slot of highest priority */
	SLOT_REASON_FALLBACK,    /* the preferred slot is bad or failing: the other one */
	SLOT_REASON_LAST_RESORT, /* all good slots keep failing: the one that failed least; or
				  * there is none, and one that did not prove itself is started */
	SLOT_REASON_COUNT
};

/* What to do next. The caller stores `table`, then starts slot `index`; in that order, so that a
 * power cut in between costs a try and never grants one. */
struct slot_choice {
	unsigned index; /* SLOT_NONE when nothing is bootable */
	enum slot_reason reason;
	struct slot_table table;
};

/* What the header of a boot partition says, when the boot record is lost. */
struct slot_evidence {
	bool complete;            /* a valid header: the slot was staged to the end */
	uint64_t staged_sequence; /* the record's sequence when it was staged */
	uint64_t security_version;
	uint8_t root_hash[SLOT_HASH_SIZE];
};

bool slot_is_bootable(const struct slot *slot);
bool slot_table_is_valid(const struct slot_table *table);

/* The decision. `excluded` is a slot that could not be started in this very boot, or SLOT_NONE. */
struct slot_choice slot_choose(const struct slot_table *table, unsigned excluded);

/* The decision when the record cannot be stored: never a trial, since its try could not be
 * counted and a crash would repeat for ever. The table comes back unchanged. */
struct slot_choice slot_choose_unstored(const struct slot_table *table, unsigned excluded);

/* Both copies of the record are lost: a record made from the headers. Every complete slot is
 * given as good, the one staged earlier first: it was committed before the later one was staged. */
struct slot_table slot_recover(const struct slot_evidence evidence[static SLOT_COUNT]);

/* Whether the running slot, whose health checks failed, should be left by a reboot: not if the
 * reboot would lead to nothing, or back here for ever. */
bool slot_reboot_helps(const struct slot_table *table, unsigned running);

/* Whether the slot is good and its last boot, if it was booted since, was committed too. */
bool slot_is_committed(const struct slot_table *table, unsigned index);

/* Whether a release may be staged into `target` while slot `running` (or SLOT_NONE) runs. The
 * fallback is not overwritten before the running release is committed, unless `forced`. */
fault slot_check_stage(const struct slot_table *table, unsigned running, unsigned target,
		       bool forced);

/* Steps. Each changes *table only when it returns FAULT_OK. */
fault slot_stage_begin(struct slot_table *table, unsigned index);
fault slot_stage_end(struct slot_table *table, unsigned index,
		     const uint8_t root_hash[static SLOT_HASH_SIZE], uint64_t security_version);
fault slot_activate(struct slot_table *table, unsigned index, unsigned tries);
/* Asks for a floor of the slot's security version, too: azboot raises it as far as no bootable slot
 * is locked out. */
fault slot_commit(struct slot_table *table, unsigned index);
fault slot_mark_bad(struct slot_table *table, unsigned index, fault why);
fault slot_note_fault(struct slot_table *table, unsigned index, fault why);

/* Whether azboot would refuse to start it: an empty slot has nothing to be refused. */
bool slot_is_below(const struct slot *slot, uint64_t floor);

/* The release in `index`, which was just committed, revokes those below security version
 * `below`: the other slot, if it holds one, is bad from now on, and holds the floor down no more.
 */
void slot_revoke(struct slot_table *table, unsigned index, uint64_t below);

/* The slot was chosen, but its kernel could not be started. On trial: bad at once, since what
 * does not verify now never will. Good: noted only, since a reading error may pass. */
void slot_start_failed(struct slot_table *table, unsigned index, fault why);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Tally of fleetsim: what happened, counted by the minute. Each thread has one of its own. */

#include <glib.h>
#include <stdint.h>

#include "policy.h"
#include "story.h"

enum tally_event {
	TALLY_CHECK,    /* a request for metadata */
	TALLY_DOWNLOAD, /* the start of one */
	TALLY_BAD,      /* a boot into the bad release that ends in a rollback */
	TALLY_BAD_GOOD, /* 1.1 committed: it works on some machines */
	TALLY_FIXED,    /* 1.2 committed */
	TALLY_EVENTS
};

struct tally {
	int64_t start_s;
	unsigned minutes;
	uint32_t *counts[TALLY_EVENTS]; /* per minute since start_s */
	uint64_t totals[TALLY_EVENTS];
	uint64_t failed_checks;
	uint64_t broken_downloads;
	uint64_t decisions;
	int64_t last_bad_s; /* the last boot into the bad release, 0: none */
	uint64_t machines;
	uint64_t running[STORY_RELEASES];     /* machines by what they run at the end */
	uint64_t behind[POLICY_REASON_COUNT]; /* what holds those back that do not run the newest */
	uint64_t impossible; /* machines that did what must not be; 0 unless there is a bug */
};

struct tally *tally_new(const struct story *story);
void tally_free(struct tally *tally);
void tally_note(struct tally *tally, enum tally_event event, int64_t time_s);
void tally_add(struct tally *tally, const struct tally *other);

/* The largest count of a minute. */
uint32_t tally_peak(const struct tally *tally, enum tally_event event);
/* When that share of all that ever happened had happened, in seconds since the start; -1: nothing
 * did. */
int64_t tally_when(const struct tally *tally, enum tally_event event, double share);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Scenarios: what is done to a machine before, what is done while the power is cut, and where it
 * must get to all the same. */

#include "commands.h"

enum { SCENARIO_COMMANDS = 16 };

struct scenario {
	const char *name;
	struct command before[SCENARIO_COMMANDS]; /* nothing is cut; the first install is there */
	/* Rot, between the two; may be NULL. Tells the belief what it did. */
	void (*damage)(struct medium *medium, struct belief *belief);
	struct command run[SCENARIO_COMMANDS];
	/* The same after each first cut; may be NULL. */
	void (*damage_after)(struct medium *medium, struct belief *belief);
	struct command again; /* the next attempt */
	unsigned goal;        /* the version that runs, committed, at the end */
	unsigned sick;        /* the version whose health checks fail, 0 none */
	bool again_always;    /* the attempt has another aim than the goal: made in any case */
	bool forced;
	bool cuts_only;    /* no faults of disks */
	bool rotten;       /* the record need not be true */
	bool rotten_image; /* nor a header */
	unsigned depth;    /* of cuts in the recovery from cuts, all of them */
	unsigned sample;   /* states of a run that the next attempt is made from; the others are
			    * booted only. 0: all */
};

extern const struct scenario SCENARIOS[];
extern const unsigned SCENARIO_COUNT;

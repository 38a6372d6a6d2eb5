/* SPDX-License-Identifier: MIT */
#pragma once
/* Explore: runs a scenario, cuts the power everywhere, and judges what each cut leaves; then cuts
 * the recovery from it. faults.c does the same with disks that fail. */

#include "scenario.h"

struct tally {
	unsigned long operations; /* of disks, reads too, in the runs that were cut */
	unsigned long cuts;       /* cut, subset of unflushed writes, tear: each one counts */
	unsigned long states;     /* different media with different expectations among them */
	unsigned long deepest[4]; /* states by depth: of the first cut, the second, ... */
	unsigned long recoveries; /* states from which the next attempt was made */
	unsigned long boots;
	unsigned long known;  /* boots not made: azboot saw the same partitions before */
	unsigned long faults; /* operations that were made to fail, by kind and way */
	unsigned long violations;
};

struct explorer {
	const struct scenario *scenario;
	uint64_t seed;
	uint64_t random;
	bool stop_at_first;
	bool quick; /* fewer next attempts where there are very many states */
	struct tally tally;
	/* Where the scenario starts. */
	struct medium medium;
	struct belief belief;
	struct machine_now now;
};

/* Everything up to where the scenario's power is cut; false if that fails. */
bool explore_prepare(struct explorer *explorer);
void explore_cuts(struct explorer *explorer);
void explore_faults(struct explorer *explorer);

/* Runs the scenario's own commands; ends with the first that fails. */
enum wrong explore_run(struct explorer *explorer, struct machine_now *now);
/* Power on, next attempt, power on: as far as it takes, and no further than promised. */
enum wrong explore_recover(struct explorer *explorer, struct machine_now *now, bool healed);
/* A violation: says what, and how to see it again. */
void explore_report(struct explorer *explorer, enum wrong wrong, const char *where);

/* SPDX-License-Identifier: MIT */
/* Simulator: cuts the power everywhere. Prints TAP, and what it counted.
 *
 *   SIM_SEED=NUMBER  of what is drawn at random; the same seed makes the same run of the same
 *                    releases (their keys, and so their signatures, are new each time)
 *   SIM_ONLY=NAME    one scenario
 *   SIM_STOP=1       ends with the first violation, and samples less: all that a mutant needs
 *   SIM_FILES=FOLDER where the releases are, or are to be made and kept */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "releases.h"

enum { SEED_DEFAULT = 1, CUTS_WANTED = 1000000 };

static void tally_print(const char *name, const struct tally *tally)
{
	printf("# %s: %lu operations, %lu cuts, %lu states (%lu, %lu, %lu of one, two, three cuts)"
	       ", %lu next attempts, %lu faults, %lu boots (%lu more as before), %lu violations\n",
	       name, tally->operations, tally->cuts, tally->states, tally->deepest[0],
	       tally->deepest[1], tally->deepest[2], tally->recoveries, tally->faults, tally->boots,
	       tally->known, tally->violations);
}

static void tally_add(struct tally *sum, const struct tally *tally)
{
	sum->operations += tally->operations;
	sum->cuts += tally->cuts;
	sum->states += tally->states;
	for (unsigned i = 0; i < G_N_ELEMENTS(sum->deepest); i++)
		sum->deepest[i] += tally->deepest[i];
	sum->recoveries += tally->recoveries;
	sum->boots += tally->boots;
	sum->known += tally->known;
	sum->faults += tally->faults;
	sum->violations += tally->violations;
}

static void scenario_explore(const struct scenario *scenario, uint64_t seed, bool stop,
			     struct tally *sum)
{
	/* Each scenario draws its own numbers: alone it does what it does among the others. */
	struct explorer explorer = { .scenario = scenario,
				     .seed = seed,
				     .random = seed ^ g_str_hash(scenario->name),
				     .stop_at_first = stop,
				     .quick = stop };

	if (explore_prepare(&explorer)) {
		explore_cuts(&explorer);
		if (!scenario->cuts_only && (!stop || explorer.tally.violations == 0))
			explore_faults(&explorer);
	}
	tally_print(scenario->name, &explorer.tally);
	tally_add(sum, &explorer.tally);
}

static void log_drop(const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
	(void)text; /* what goes wrong here is meant to */
}

static uint64_t seed_get(void)
{
	const char *text = g_getenv("SIM_SEED");

	return text != NULL ? g_ascii_strtoull(text, NULL, 0) : SEED_DEFAULT;
}

int main(void)
{
	const char *only = g_getenv("SIM_ONLY");
	const bool stop = g_getenv("SIM_STOP") != NULL;
	const uint64_t seed = seed_get();
	struct tally sum = { 0 };
	unsigned number = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	g_log_set_default_handler(log_drop, NULL);
	releases_make();
	printf("# seed %" G_GUINT64_FORMAT "\n", seed);
	for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
		const unsigned long before = sum.violations;

		if (only != NULL && strcmp(only, SCENARIOS[i].name) != 0)
			continue;
		scenario_explore(&SCENARIOS[i], seed, stop, &sum);
		printf("%s %u %s\n", sum.violations == before ? "ok" : "not ok", ++number,
		       SCENARIOS[i].name);
		if (stop && sum.violations > 0)
			break;
	}
	tally_print("power cuts, in all", &sum);
	if (only == NULL && !stop)
		printf("%s %u at least %d cuts\n", sum.cuts >= CUTS_WANTED ? "ok" : "not ok",
		       ++number, CUTS_WANTED);
	printf("1..%u\n", number);
	releases_remove();
	return number == 0 || sum.violations > 0;
}

/* SPDX-License-Identifier: MIT */
/* Faults: the same scenarios on disks that fail instead of power that fails: each operation in
 * turn does one of the ills of fakedisk.h, once or from there on. What is promised then: no
 * command says that it is done when it is not, nothing is started that is not complete or not
 * counted, and once the disk is sound again the next attempt completes; without a reboot if the
 * program was killed, and after one, be it in order or a power cut. */
#include <stdio.h>

#include "explore.h"
#include "state.h"

enum way { WAY_ON, WAY_REBOOT, WAY_POWER_CUT, WAY_COUNT };

static const char *const ILL_TEXT[ILL_COUNT] = {
	"",           "nothing done", "half done", "all done", "flush drops",
	"write lost", "bit flipped",  "kill"
};

/* After a fault a release may have been given up, or a copy of the record missed: any release
 * that was complete may boot. */
static void belief_loosen(struct belief *belief)
{
	const struct belief before = *belief;

	for (unsigned i = 0; i < before.count; i++) {
		const struct expectation *each = &before.maybe[i];
		struct belief one = { .count = 1 };

		one.maybe[0].good = each->trial;
		belief_join(belief, &one);
		one.maybe[0].good = each->good;
		belief_join(belief, &one);
		one.maybe[0].good = each->other;
		belief_join(belief, &one);
	}
}

/* A boot from a disk that fails may find nothing, or another release than the preferred one. If
 * the newer copy of the record cannot be read, the older one counts: it may give back a try, or
 * lack the last boot's count, so that a commit finds nothing to do. */
static bool is_excused(enum wrong wrong, const struct machine_now *now)
{
	const bool is_older = fakedisk_was_ill_reading();

	return wrong == WRONG_FAILED || wrong == WRONG_DEAD || wrong == WRONG_UNEXPECTED ||
	       (wrong == WRONG_EARLY && is_older) ||
	       (wrong == WRONG_LIED && is_older && now->last == COMMAND_HEALTHY);
}

static void fault_report(struct explorer *explorer, enum wrong wrong, const struct ill_plan *plan,
			 const char *where)
{
	g_autofree char *text = g_strdup_printf("%s%s at operation %lu, %s", ILL_TEXT[plan->ill],
						plan->sticky ? " for good" : "", plan->at, where);

	explore_report(explorer, wrong, text);
}

static enum wrong way_go(struct explorer *explorer, enum way way, struct machine_now *now)
{
	const struct command again = explorer->scenario->again;
	enum wrong wrong = WRONG_NOTHING;

	if (way == WAY_ON && again.kind != COMMAND_NONE && now->version != 0 &&
	    now->version != explorer->scenario->goal)
		wrong = command_run(&again, now);
	if (wrong != WRONG_NOTHING && wrong != WRONG_FAILED)
		return wrong;
	return explore_recover(explorer, now, true);
}

/* What a faulty run left. */
struct outcome {
	struct explorer *explorer;
	const struct ill_plan *plan;
	struct machine_now now;
	struct medium mediums[WAY_COUNT];
	struct belief belief;
	bool is_older; /* the newer copy of the record may have been overlooked */
};

/* Most faults leave the disk as another one did. */
static bool is_new(const struct outcome *outcome, enum way way, GHashTable *seen)
{
	struct state_key key = state_key(&outcome->mediums[way], MEDIUM_BLOCKS, &outcome->belief);

	if (way == WAY_ON)
		key.words[0] ^= 1 + outcome->now.slot;
	key.words[1] ^= outcome->is_older;
	return state_table_add(seen, &key, NULL);
}

static void ways_go(const struct outcome *outcome, GHashTable *seen)
{
	static const char *const TEXT[] = { "going on", "after a reboot", "after a power cut" };

	for (enum way way = WAY_ON; way < WAY_COUNT; way++) {
		struct machine_now now = outcome->now;
		enum wrong wrong;

		now.forced = true;
		if (!is_new(outcome, way, seen))
			continue;
		fakedisk_start(&outcome->mediums[way], &outcome->belief);
		wrong = way_go(outcome->explorer, way, &now);
		outcome->explorer->tally.recoveries++;
		/* Written over what could not be read: a try may come back later, too. */
		if (wrong != WRONG_NOTHING && !(wrong == WRONG_EARLY && outcome->is_older))
			fault_report(outcome->explorer, wrong, outcome->plan, TEXT[way]);
	}
}

/* FALSE when the run has no such operation any more. */
static bool fault_try(struct explorer *explorer, const struct ill_plan *plan, GHashTable *seen)
{
	struct outcome outcome = { .explorer = explorer, .plan = plan, .now = explorer->now };
	enum wrong wrong;

	fakedisk_start(&explorer->medium, &explorer->belief);
	fakedisk_plan(plan);
	wrong = explore_run(explorer, &outcome.now);
	if (!fakedisk_was_ill())
		return false;
	explorer->tally.faults++;
	if (wrong != WRONG_NOTHING && !is_excused(wrong, &outcome.now))
		fault_report(explorer, wrong, plan, "at once");
	outcome.mediums[WAY_ON] = outcome.mediums[WAY_REBOOT] = *fakedisk_view();
	outcome.mediums[WAY_POWER_CUT] = *fakedisk_durable();
	outcome.is_older = fakedisk_was_ill_reading();
	outcome.belief = *fakedisk_belief();
	belief_join(&outcome.belief, &explorer->belief);
	belief_loosen(&outcome.belief);
	ways_go(&outcome, seen);
	return true;
}

static bool is_over(const struct explorer *explorer)
{
	return explorer->stop_at_first && explorer->tally.violations > 0;
}

void explore_faults(struct explorer *explorer)
{
	GHashTable *seen = state_table_new();

	for (enum ill ill = ILL_NOTHING; ill < ILL_COUNT; ill++)
		for (unsigned sticky = 0; sticky < 2; sticky++) {
			struct ill_plan plan = { .ill = ill, .sticky = sticky != 0 };

			if (ill == ILL_KILL && sticky != 0)
				continue; /* a kill is for good */
			while (!is_over(explorer) && fault_try(explorer, &plan, seen))
				plan.at++;
		}
	g_hash_table_unref(seen);
}

/* SPDX-License-Identifier: MIT */
#include "explore.h"

#include <stdio.h>
#include <string.h>

#include "cuts.h"
#include "oracle.h"
#include "state.h"

enum { REPORTS_MAX = 5, BOOTS_SICK = BELIEF_TRIES + 2 };

void explore_report(struct explorer *explorer, enum wrong wrong, const char *where)
{
	explorer->tally.violations++;
	if (explorer->tally.violations > REPORTS_MAX)
		return;
	printf("# %s, %s: %s (%s)\n", explorer->scenario->name, where, wrong_text(wrong),
	       command_message());
	if (explorer->tally.violations == 1)
		printf("# again: SIM_SEED=%" G_GUINT64_FORMAT " SIM_ONLY=\"%s\" ./dev sim\n",
		       explorer->seed, explorer->scenario->name);
}

static enum wrong command_count(struct explorer *explorer, const struct command *command,
				struct machine_now *now)
{
	enum wrong wrong;

	explorer->tally.boots += command->kind == COMMAND_BOOT;
	wrong = command_run(command, now);
	if (!command->refused)
		return wrong;
	return wrong == WRONG_FAILED ? WRONG_NOTHING : WRONG_LIED;
}

static enum wrong commands_run(struct explorer *explorer, const struct command *commands,
			       struct machine_now *now)
{
	enum wrong wrong = WRONG_NOTHING;

	for (unsigned i = 0; i < SCENARIO_COMMANDS && commands[i].kind != COMMAND_NONE; i++) {
		wrong = command_count(explorer, &commands[i], now);
		if (wrong != WRONG_NOTHING)
			return wrong;
	}
	return wrong;
}

enum wrong explore_run(struct explorer *explorer, struct machine_now *now)
{
	return commands_run(explorer, explorer->scenario->run, now);
}

/* An empty disk gets version 1, as an installer does it; then what the scenario wants before. */
bool explore_prepare(struct explorer *explorer)
{
	static const struct command FIRST[SCENARIO_COMMANDS] = { { COMMAND_INSTALL, 1, 0, false },
								 { COMMAND_BOOT, 0, 0, false },
								 { COMMAND_HEALTHY, 0, 0, false } };
	static const struct medium EMPTY;
	const struct belief nothing = { .count = 1 };
	struct machine_now now = { .slot = 2 };
	enum wrong wrong;

	fakedisk_start(&EMPTY, &nothing);
	wrong = commands_run(explorer, FIRST, &now);
	now.forced = explorer->scenario->forced;
	if (wrong == WRONG_NOTHING)
		wrong = commands_run(explorer, explorer->scenario->before, &now);
	if (wrong != WRONG_NOTHING) {
		explore_report(explorer, wrong, "before anything is cut");
		return false;
	}
	explorer->medium = *fakedisk_durable();
	explorer->belief = *fakedisk_belief();
	explorer->now = now;
	if (explorer->scenario->damage != NULL)
		explorer->scenario->damage(&explorer->medium, &explorer->belief);
	return true;
}

static enum wrong attempt(struct explorer *explorer, struct machine_now *now, bool healed)
{
	const struct scenario *scenario = explorer->scenario;
	const struct command install = { COMMAND_INSTALL, scenario->goal, 0, false };
	const enum wrong wrong = command_count(explorer, &scenario->again, now);

	/* After a fault of the disk a release may have been given up: then it comes anew. */
	if (wrong == WRONG_FAILED && healed)
		return command_count(explorer, &install, now);
	return wrong;
}

/* Boots until a healthy release runs, and commits it. */
static enum wrong boot_healthy(struct explorer *explorer, struct machine_now *now, bool healed)
{
	static const struct command BOOT = { .kind = COMMAND_BOOT };
	static const struct command HEALTHY = { .kind = COMMAND_HEALTHY };
	static const struct command SICK = { .kind = COMMAND_SICK };

	/* After a fault an older copy of the record may have given tries back. */
	const unsigned boots = BOOTS_SICK + (healed ? BELIEF_TRIES : 0);

	for (unsigned boot = 0; boot < boots; boot++) {
		enum wrong wrong = command_count(explorer, &BOOT, now);

		if (wrong != WRONG_NOTHING)
			return wrong;
		if (now->version != explorer->scenario->sick)
			return command_count(explorer, &HEALTHY, now);
		wrong = command_count(explorer, &SICK, now);
		if (wrong != WRONG_NOTHING)
			return wrong;
	}
	return WRONG_GOAL;
}

enum wrong explore_recover(struct explorer *explorer, struct machine_now *now, bool healed)
{
	const struct scenario *scenario = explorer->scenario;
	enum wrong wrong = boot_healthy(explorer, now, healed);

	if (wrong == WRONG_NOTHING && (scenario->again_always || now->version != scenario->goal)) {
		if (scenario->again.kind == COMMAND_NONE)
			return WRONG_GOAL;
		wrong = attempt(explorer, now, healed);
		if (wrong == WRONG_NOTHING)
			wrong = boot_healthy(explorer, now, healed);
	}
	if (wrong != WRONG_NOTHING)
		return wrong;
	if (now->version != scenario->goal)
		return WRONG_GOAL;
	return oracle_record_is_true(fakedisk_durable()) || scenario->rotten ? WRONG_NOTHING
									     : WRONG_RECORD;
}

struct state {
	struct medium medium;
	struct belief belief;
};

struct level {
	struct explorer *explorer;
	GHashTable *seen;   /* struct state_key */
	GHashTable *booted; /* struct state_key of what azboot reads, to the slot that it started */
	GArray *states;     /* struct state */
	unsigned depth;
};

static void cut_take(const struct medium *medium, const struct belief *belief, gpointer user_data)
{
	struct level *level = user_data;
	const struct scenario *scenario = level->explorer->scenario;
	struct state state = { *medium, *belief };
	struct state_key key;

	if (scenario->damage_after != NULL && level->depth == 0)
		scenario->damage_after(&state.medium, &state.belief);
	key = state_key(&state.medium, MEDIUM_BLOCKS, &state.belief);
	if (!state_table_add(level->seen, &key, NULL))
		return;
	level->explorer->tally.states++;
	level->explorer->tally.deepest[MIN(level->depth, 3)]++;
	if (!scenario->rotten && !oracle_record_is_true(&state.medium))
		explore_report(level->explorer, WRONG_RECORD, "after a cut");
	if (!scenario->rotten_image && !oracle_headers_are_true(&state.medium))
		explore_report(level->explorer, WRONG_HEADER, "after a cut");
	g_array_append_val(level->states, state);
}

static bool is_over(const struct explorer *explorer)
{
	return explorer->stop_at_first && explorer->tally.violations > 0;
}

static void level_explore(struct level *level);

/* Recovers from one state; then from every cut of that recovery. */
static void state_explore(struct level *level, const struct state *state)
{
	struct explorer *explorer = level->explorer;
	const bool deeper = level->depth + 1 < explorer->scenario->depth ||
			    (level->depth + 1 == explorer->scenario->depth &&
			     random_next(&explorer->random) %
					     (explorer->scenario->sample == 0 ? 16 : 256) ==
				     0);
	struct machine_now now = { .slot = 2,
				   .forced = explorer->scenario->forced,
				   .strict = !explorer->scenario->rotten };
	enum wrong wrong;

	fakedisk_start(&state->medium, &state->belief);
	wrong = explore_recover(explorer, &now, false);
	explorer->tally.recoveries++;
	if (wrong != WRONG_NOTHING) {
		g_autofree char *where = g_strdup_printf("cut at depth %u", level->depth + 1);

		explore_report(explorer, wrong, where);
	} else if (deeper && !(explorer->quick && explorer->scenario->sample > 0)) {
		struct level next = *level;

		next.depth++;
		level_explore(&next);
	}
}

/* azboot reads the record and the boot partitions: where these are as before, and so is what is
 * expected, it starts the same slot, and what is left to judge is that slot's root image. */
static bool is_known(struct level *level, const struct state *state, const struct state_key *key)
{
	gpointer slot;

	if (!g_hash_table_lookup_extended(level->booted, key, NULL, &slot))
		return false;
	level->explorer->tally.known++;
	if ((level->explorer->scenario->rotten ? oracle_boots : oracle_whole)(
		    &state->medium, GPOINTER_TO_UINT(slot)) == 0)
		explore_report(level->explorer, WRONG_HALF, "booted after a cut");
	return true;
}

static void state_boot(struct level *level, const struct state *state)
{
	static const struct command BOOT = { .kind = COMMAND_BOOT };
	const struct state_key key = state_key(&state->medium, medium_span(PART_ROOT_A).first,
					       &state->belief);
	struct machine_now now = { .slot = 2, .strict = !level->explorer->scenario->rotten };
	enum wrong wrong;

	if (is_known(level, state, &key))
		return;
	fakedisk_start(&state->medium, &state->belief);
	wrong = command_count(level->explorer, &BOOT, &now);
	if (wrong != WRONG_NOTHING)
		explore_report(level->explorer, wrong, "booted after a cut");
	else
		(void)state_table_add(level->booted, &key, GUINT_TO_POINTER(now.slot));
}

/* Cuts the run that the log holds. */
static void level_explore(struct level *level)
{
	struct explorer *explorer = level->explorer;
	const unsigned sample = (explorer->quick ? explorer->scenario->sample / 4
						 : explorer->scenario->sample) >>
				(4 * level->depth);

	level->states = g_array_new(FALSE, FALSE, sizeof(struct state));
	explorer->tally.operations += fakedisk_operations();
	explorer->tally.cuts += cuts_walk(fakedisk_log(), &explorer->random, cut_take, level);
	for (guint i = 0; i < level->states->len && !is_over(explorer); i++) {
		const struct state *state = &g_array_index(level->states, struct state, i);

		if (explorer->scenario->sample == 0 ||
		    random_next(&explorer->random) % level->states->len < sample)
			state_explore(level, state);
		else
			state_boot(level, state);
	}
	g_array_unref(level->states);
}

void explore_cuts(struct explorer *explorer)
{
	struct level level = {
		.explorer = explorer,
		.seen = state_table_new(),
		.booted = state_table_new(),
	};
	struct machine_now now = explorer->now;
	enum wrong wrong;

	fakedisk_start(&explorer->medium, &explorer->belief);
	wrong = explore_run(explorer, &now);
	if (wrong != WRONG_NOTHING)
		explore_report(explorer, wrong, "without a cut");
	level_explore(&level);
	g_hash_table_unref(level.seen);
	g_hash_table_unref(level.booted);
}

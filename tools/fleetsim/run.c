/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <stdio.h>

#include "failed.h"
#include "policytext.h"
#include "wave.h"

enum {
	HOUR_S = 3600,
	DAY_S = 86400,
	CLOCK_OFF_S = 3 * DAY_S, /* at most */
	CHECK_S = 2,             /* what things take */
	STAGE_MIN_S = 40,
	STAGE_SPREAD_S = 560,
	BOOT_S = 90,
	TRIAL_S = 120,
	TRIES = 3,
	WORKDAYS = 0x1f,
	STEPS_MAX = 100000, /* of one machine: more is a policy that goes round in circles */
	NONE = STORY_RELEASES,
};

struct machine {
	const struct story *story;
	struct tally *tally;
	uint64_t random;
	bool told;
	int64_t time_s;   /* true */
	int64_t offset_s; /* what its clock is off by */
	bool stuck_clock; /* it shows 1970 */
	bool laptop;
	bool unlucky; /* 1.1 does not work here */
	struct window awake;
	char id[33];
	unsigned running; /* releases, by number; NONE: nothing is staged */
	unsigned staged;
	uint64_t places[STORY_RELEASES];
	struct policy_attempt attempts[STORY_RELEASES];
	struct failed failure;
	gpointer failure_pointer;
	GPtrArray failed;
	struct policy_machine facts;
	struct policy_config config;
	struct policy_state state;
	const struct channel *channel;
	int64_t expires_s;
};

/* splitmix64; any generator would do. */
static uint64_t random_next(struct machine *machine)
{
	uint64_t z = machine->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int64_t random_below(struct machine *machine, int64_t range)
{
	return (int64_t)(random_next(machine) % (uint64_t)range);
}

static bool chance(struct machine *machine, int permille)
{
	return random_below(machine, 1000) < permille;
}

/* What its clock shows. */
static int64_t clock_of(const struct machine *machine)
{
	return machine->stuck_clock ? machine->time_s - machine->story->start_s + DAY_S
				    : machine->time_s + machine->offset_s;
}

static void habits_draw(struct machine *machine)
{
	const struct options *options = machine->story->options;
	const uint16_t on_min = (uint16_t)(7 * 60 + random_below(machine, 180));

	machine->laptop = chance(machine, options->asleep);
	machine->awake = (struct window){
		.n_parts = 1,
		.parts = { { WORKDAYS, on_min, (uint16_t)(on_min + 8 * 60) } },
	};
	machine->unlucky = chance(machine, options->bad);
	if (!chance(machine, options->clocks_off))
		return;
	machine->stuck_clock = chance(machine, 100);
	machine->offset_s = random_below(machine, 2 * CLOCK_OFF_S) - CLOCK_OFF_S;
}

static void machine_make(struct machine *machine, const struct story *story, int number,
			 struct tally *tally)
{
	const struct options *options = story->options;
	int64_t last_s;

	*machine = (struct machine){
		.story = story,
		.tally = tally,
		.random = (uint64_t)options->seed * 0x9fb21c651e98df25 + (uint64_t)number,
		.time_s = story->start_s,
		.staged = NONE,
		.channel = story_document(story, story->start_s - 1),
	};
	g_snprintf(machine->id, sizeof machine->id,
		   "%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x", random_next(machine),
		   random_next(machine));
	habits_draw(machine);
	for (unsigned i = 1; i < STORY_RELEASES; i++)
		machine->places[i] = wave_place(machine->id, story_version(i));
	machine->config = (struct policy_config){
		.windows = machine->laptop ? NULL : &options->windows,
		.reboot = true,
		.check_interval_s = (unsigned)options->check_interval_s,
		.boot_spread_s = POLICY_BOOT_S,
		.attempts = 6,
	};
	machine->facts = (struct policy_machine){
		.machine_id = machine->id,
		.place = policy_place(machine->id),
		.running = story_version(0),
		.committed = true,
		.zone = story->zones[random_below(machine, STORY_ZONES)],
		.battery_percent = -1,
		.free_bytes = UINT64_MAX,
		.places = machine->places,
	};
	/* It has been running for long; the battery of its clock failed only now. */
	last_s = story->start_s + machine->offset_s -
		 random_below(machine, options->check_interval_s * 9 / 10);
	machine->state.last_check_s = machine->state.last_success_s = last_s;
	machine->state.last_known_s = last_s;
	machine->expires_s = last_s - machine->offset_s + STORY_EXPIRES_S;
}

static void check_act(struct machine *machine)
{
	struct policy_state *state = &machine->state;
	const int64_t now_s = clock_of(machine);

	tally_note(machine->tally, TALLY_CHECK, machine->time_s);
	state->last_check_s = now_s;
	if (!story_server_is_up(machine->story, machine->time_s)) {
		state->check_failures++;
		machine->tally->failed_checks++;
	} else {
		machine->channel = story_document(machine->story, machine->time_s);
		machine->expires_s = machine->time_s + STORY_EXPIRES_S;
		state->check_failures = 0;
		state->last_success_s = now_s;
		state->last_known_s = MAX(state->last_known_s, now_s);
	}
	machine->time_s += CHECK_S;
}

static unsigned release_number(const struct machine *machine, const struct channel_release *release)
{
	return (unsigned)(release - machine->channel->releases);
}

static void attempt_note(struct machine *machine, unsigned release)
{
	struct policy_attempt *attempts = machine->attempts;
	struct policy_state *state = &machine->state;
	unsigned i = 0;

	while (i < state->n_attempts && attempts[i].version != story_version(release))
		i++;
	if (i == state->n_attempts)
		attempts[state->n_attempts++] =
			(struct policy_attempt){ .version = (char *)story_version(release),
						 .reason = (char *)"the connection broke" };
	attempts[i].count++;
	attempts[i].last_s = clock_of(machine);
	state->attempts = attempts;
}

static void stage_act(struct machine *machine, unsigned release)
{
	tally_note(machine->tally, TALLY_DOWNLOAD, machine->time_s);
	machine->time_s += STAGE_MIN_S + random_below(machine, STAGE_SPREAD_S);
	machine->facts.activated = false;
	machine->facts.staged = NULL;
	machine->staged = NONE;
	if (!story_server_is_up(machine->story, machine->time_s) ||
	    chance(machine, machine->story->options->flaky)) {
		machine->tally->broken_downloads++;
		attempt_note(machine, release);
		return;
	}
	machine->staged = release;
	machine->facts.staged = story_version(release);
}

static void fail_note(struct machine *machine, unsigned release)
{
	machine->failure = (struct failed){ .version = (char *)story_version(release),
					    .reason = (char *)"its trial" };
	machine->failure_pointer = &machine->failure;
	machine->failed = (GPtrArray){ &machine->failure_pointer, 1 };
	machine->state.failed = &machine->failed;
}

static void reboot_act(struct machine *machine)
{
	const unsigned release = machine->staged;

	/* What no machine may do, whatever the policy says. */
	if (release == NONE || release <= machine->running || !machine->facts.activated ||
	    (machine->failed.len > 0 && release == STORY_BAD))
		machine->tally->impossible++;
	machine->time_s += BOOT_S;
	machine->staged = NONE;
	machine->facts.staged = NULL;
	machine->facts.activated = false;
	if (release == STORY_BAD && machine->unlucky) {
		tally_note(machine->tally, TALLY_BAD, machine->time_s - BOOT_S);
		machine->time_s += TRIES * (BOOT_S + TRIAL_S);
		fail_note(machine, release);
	} else {
		machine->time_s += TRIAL_S;
		machine->running = release;
		machine->facts.running = story_version(release);
		machine->state.committed_s = clock_of(machine);
		tally_note(machine->tally, release == STORY_BAD ? TALLY_BAD_GOOD : TALLY_FIXED,
			   machine->time_s);
	}
	machine->facts.boot_s = clock_of(machine);
}

/* Sleeps, if it does at that time, until it is switched on again. */
static void sleep_on(struct machine *machine)
{
	struct window_span span;

	if (!machine->laptop)
		return;
	span = window_find(&machine->awake, machine->facts.zone, machine->time_s);
	if (span.open_s <= machine->time_s)
		return;
	machine->time_s = span.open_s;
	machine->facts.boot_s = clock_of(machine);
}

static struct policy_decision decide(struct machine *machine)
{
	const struct policy_input input = {
		.now_s = clock_of(machine),
		.machine = &machine->facts,
		.channel = machine->channel,
		.expires_s = machine->expires_s,
		.config = &machine->config,
		.state = &machine->state,
	};

	machine->tally->decisions++;
	return policy_decide(&input);
}

static void act(struct machine *machine, const struct policy_decision *decision)
{
	switch (decision->action) {
	case POLICY_NOTHING:
		machine->time_s += decision->next_s - clock_of(machine);
		break;
	case POLICY_CHECK:
		check_act(machine);
		break;
	case POLICY_STAGE:
		stage_act(machine, release_number(machine, decision->release));
		break;
	case POLICY_ACTIVATE:
		machine->facts.activated = true;
		machine->time_s++;
		break;
	case POLICY_REBOOT:
		reboot_act(machine);
		break;
	case POLICY_DROP:
		machine->staged = NONE;
		machine->facts.staged = NULL;
		machine->facts.activated = false;
		machine->time_s++;
		break;
	case POLICY_LOCK:
	case POLICY_WARN:
	case POLICY_UNLOCK:
	case POLICY_ACTION_COUNT:
		/* No fleet here has a lock, or users. */
		machine->tally->impossible++;
		machine->time_s++;
		break;
	}
}

static void step_tell(const struct machine *machine, const struct policy_decision *decision)
{
	g_autofree char *when = channel_time_encode(machine->time_s);
	g_autofree char *json = policytext_json(decision, clock_of(machine), machine->facts.zone);
	g_autofree char *text = policytext_print(decision, clock_of(machine), machine->facts.zone);

	if (machine->story->options->json)
		printf("%s\n", json);
	else
		printf("%s %s", when, text);
}

/* Why it does not run the newest release, by the policy's own words. */
static void end_note(struct machine *machine)
{
	const struct policy_decision decision = decide(machine);
	enum policy_reason_id id = POLICY_REASON_NEXT_CHECK;

	machine->tally->machines++;
	machine->tally->running[machine->running]++;
	if (machine->running + 1 >=
	    story_document(machine->story, machine->story->end_s)->n_releases)
		return;
	for (unsigned i = decision.n_reasons; i > 0; i--)
		if (decision.reasons[i - 1].blocks)
			id = decision.reasons[i - 1].id;
	machine->tally->behind[id]++;
}

static void machine_run(struct machine *machine)
{
	unsigned steps = 0;

	for (sleep_on(machine); machine->time_s < machine->story->end_s; sleep_on(machine)) {
		const struct policy_decision decision = decide(machine);

		if (machine->told)
			step_tell(machine, &decision);
		act(machine, &decision);
		if (++steps == STEPS_MAX) {
			machine->tally->impossible++;
			break;
		}
	}
	machine->time_s = MAX(machine->time_s, machine->story->end_s);
	end_note(machine);
}

void run_machines(const struct story *story, int first, int end, struct tally *tally)
{
	for (int number = first; number < end; number++) {
		struct machine machine;

		machine_make(&machine, story, number, tally);
		machine_run(&machine);
	}
}

void run_told(const struct story *story, int number, struct tally *tally)
{
	struct machine machine;

	machine_make(&machine, story, number, tally);
	machine.told = true;
	machine_run(&machine);
}

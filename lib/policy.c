/* SPDX-License-Identifier: MIT */
/* The order of the steps is the order of what matters: is anything to be decided at all; which
 * release; what is staged but must not boot; the lock that others wait for; staging, which takes
 * precedence over a reboot so that one reboot is enough; the reboot; the next check. */
#include "policy.h"

#include <string.h>

#include "crypto.h"
#include "policygate.h"
#include "policypick.h"
#include "version.h"

enum { DOUBLINGS_MAX = 16, INTERVAL_S_MIN = 60 };

struct work {
	const struct policy_input *input;
	struct policy_decision *decision;
	struct policypick pick;
	int64_t check_s; /* when the next check is due; in the past: now */
	bool fresh;      /* the last check is recent, whether or not it succeeded */
};

uint64_t policy_place(const char *machine_id)
{
	uint8_t digest[CRYPTO_HASH_SIZE];
	uint64_t place = 0;

	crypto_hmac("SHA256", machine_id, strlen(machine_id), "azupdate-place", digest);
	for (unsigned i = 0; i < sizeof place; i++)
		place = place << 8 | digest[i];
	return place;
}

static void note(struct work *work, struct policy_reason reason)
{
	policygate_note(work->decision, reason);
}

/* Always true, so that a caller can decide in one line. */
static bool act(struct work *work, enum policy_action action, const struct channel_release *release)
{
	work->decision->action = action;
	work->decision->release = release;
	return true;
}

/* States in which no release is thought of. */
static bool nothing_to_decide(struct work *work)
{
	const struct policy_input *input = work->input;
	const struct policy_machine *machine = input->machine;
	struct policy_reason reason = { .blocks = true, .until_s = POLICY_UNTIL_CHANGE };

	if (machine->running == NULL) {
		reason.id = POLICY_REASON_NO_SLOT;
		reason.until_s = POLICY_UNTIL_ACT;
	} else if (machine->busy) {
		reason.id = POLICY_REASON_BUSY;
	} else if (input->now_s + POLICY_CLOCK_SLACK_S < input->state->last_known_s) {
		/* Windows, waves and what expires cannot be judged by such a clock. */
		reason.id = POLICY_REASON_CLOCK;
		reason.want = (uint64_t)input->state->last_known_s;
	} else if (!machine->committed) {
		/* The other slot is what the machine falls back to. */
		reason.id = POLICY_REASON_TRIAL;
		reason.version = machine->running;
	} else {
		return false;
	}
	note(work, reason);
	return true;
}

/* When the next check is due. After a failed one sooner than usual, but later each time. */
static int64_t check_time(const struct policy_input *input)
{
	const struct policy_state *state = input->state;
	const struct policy_machine *machine = input->machine;
	const int64_t interval_s = MAX(input->config->check_interval_s, INTERVAL_S_MIN);
	int64_t due_s = 0;
	int64_t boot_s = 0;

	if (machine->boot_s > 0 && machine->boot_s <= input->now_s)
		boot_s = machine->boot_s +
			 policygate_jitter(machine, machine->boot_s, input->config->boot_spread_s);
	if (state->last_check_s > 0 && state->last_check_s <= input->now_s) {
		int64_t wait_s = interval_s * 11 / 10;
		int64_t spread_s = interval_s / 5;

		if (state->check_failures > 0) {
			wait_s = MIN((int64_t)POLICY_RETRY_FIRST_S
					     << MIN(state->check_failures - 1, DOUBLINGS_MAX),
				     interval_s);
			spread_s = wait_s / 2;
		}
		due_s = state->last_check_s + wait_s -
			policygate_jitter(machine, state->last_check_s, spread_s);
	}
	return MAX(due_s, boot_s);
}

/* Nothing is done on the word of an old check: what was paused or revoked since would be missed.
 * true: the answer is to check, or to wait until the machine may. */
static bool check_first(struct work *work)
{
	const struct policy_input *input = work->input;
	const int64_t boot_s = input->machine->boot_s;
	int64_t may_s = 0;

	if (work->fresh)
		return false;
	/* After a power cut all machines of a site boot at once. */
	if (boot_s > 0 && boot_s <= input->now_s && !input->machine->asked)
		may_s = boot_s +
			policygate_jitter(input->machine, boot_s, input->config->boot_spread_s);
	if (may_s <= input->now_s)
		return act(work, POLICY_CHECK, NULL);
	work->check_s = may_s;
	return true;
}

/* true: the lock is held though no reboot is about to happen; others wait for it. */
static bool lock_is_idle(struct work *work, bool bootable)
{
	if (!work->input->config->lock || !work->input->state->lock_held || bootable)
		return false;
	note(work, (struct policy_reason){ .id = POLICY_REASON_LOCK_IDLE,
					   .until_s = POLICY_UNTIL_CHANGE });
	return act(work, POLICY_UNLOCK, NULL);
}

static bool lock_first(struct work *work)
{
	const struct policy_input *input = work->input;
	const int64_t refused_s = input->state->lock_refused_s;
	int64_t until_s;

	if (!input->config->lock || input->state->lock_held)
		return false;
	until_s = refused_s + POLICY_LOCK_RETRY_S +
		  policygate_jitter(input->machine, refused_s, 2 * POLICY_LOCK_RETRY_S);
	if (refused_s <= 0 || refused_s > input->now_s || until_s <= input->now_s)
		return act(work, POLICY_LOCK, work->decision->release);
	note(work, (struct policy_reason){ .id = POLICY_REASON_LOCK,
					   .blocks = true,
					   .until_s = until_s,
					   .text = input->state->lock_refusal });
	return true;
}

static bool users_first(struct work *work)
{
	const struct policy_input *input = work->input;
	const int64_t warned_s = input->state->warned_s;
	const int64_t until_s = warned_s + input->config->warn_s;

	if (input->machine->users == 0 || input->config->warn_s == 0)
		return false;
	/* They have forgotten an old warning, or were not there. */
	if (warned_s <= 0 || warned_s > input->now_s ||
	    until_s + POLICY_WARNED_MAX_S <= input->now_s)
		return act(work, POLICY_WARN, work->decision->release);
	if (until_s <= input->now_s)
		return false;
	note(work, (struct policy_reason){ .id = POLICY_REASON_USERS,
					   .blocks = true,
					   .until_s = until_s,
					   .have = input->machine->users });
	return true;
}

/* Whether the target is to be written over what is staged. What is newer than it stays, unless it
 * must not boot: it may only wait for its turn, or be somebody's own choice. */
static bool target_is_wanted(const struct work *work)
{
	const struct channel_release *target = work->pick.target;
	const char *staged = work->input->machine->staged;

	return target != NULL && (staged == NULL || work->pick.staged_bad ||
				  version_compare(target->version, staged) > 0);
}

/* Whether to stage the target now. */
static bool stage_passes(struct work *work)
{
	const struct policy_input *input = work->input;
	const struct channel_release *target = work->pick.target;

	if (!target_is_wanted(work))
		return false;
	note(work, (struct policy_reason){ .id = POLICY_REASON_AVAILABLE,
					   .version = target->version,
					   .until_s = POLICY_UNTIL_CHANGE });
	if (input->machine->staged != NULL)
		note(work, (struct policy_reason){ .id = POLICY_REASON_SUPERSEDE,
						   .version = input->machine->staged,
						   .until_s = POLICY_UNTIL_CHANGE });
	/* A server that does not answer would only use up attempts. */
	return policygate_stage(input, target, work->decision) && input->state->check_failures == 0;
}

static void stage_act(struct work *work)
{
	const struct channel_release *target = work->pick.target;
	const struct policy_attempt *attempt = policygate_attempt(work->input->state,
								  target->version);

	if (check_first(work))
		return;
	work->decision->full_only = attempt != NULL && attempt->count >= POLICY_DELTA_ATTEMPTS;
	act(work, POLICY_STAGE, target);
}

/* Whether to boot what is staged, or where only people reboot, to activate it now. */
static bool boot_passes(struct work *work)
{
	const struct policy_input *input = work->input;
	const struct channel_release *staged;

	if (!work->pick.staged_good)
		return false;
	staged = channel_find(input->channel, input->machine->staged);
	note(work, (struct policy_reason){ .id = POLICY_REASON_STAGED,
					   .version = staged->version,
					   .until_s = POLICY_UNTIL_CHANGE });
	if (input->config->reboot)
		return policygate_reboot(input, staged, work->decision);
	if (!input->machine->activated)
		return policygate_activate(input, staged, work->decision);
	note(work, (struct policy_reason){ .id = POLICY_REASON_REBOOT_NEVER,
					   .blocks = true,
					   .version = staged->version,
					   .until_s = POLICY_UNTIL_ACT });
	return false;
}

static void boot_act(struct work *work)
{
	const struct policy_input *input = work->input;
	const bool reboot = input->config->reboot;
	const struct channel_release *staged = channel_find(input->channel, input->machine->staged);

	if (check_first(work))
		return;
	work->decision->release = staged;
	if (reboot && (lock_first(work) || users_first(work))) {
		/* While they are waited for the last check gets old. */
		work->check_s = MIN(work->check_s, input->state->last_check_s + POLICY_FRESH_S);
		return;
	}
	act(work, input->machine->activated ? POLICY_REBOOT : POLICY_ACTIVATE, staged);
}

/* true: what is staged must not boot, but would. */
static bool drop_decide(struct work *work)
{
	return work->pick.staged_bad && work->input->machine->activated &&
	       act(work, POLICY_DROP, NULL);
}

static void server_note(struct work *work)
{
	const struct policy_state *state = work->input->state;

	if (state->check_failures == 0)
		return;
	note(work, (struct policy_reason){ .id = POLICY_REASON_UNREACHABLE,
					   .blocks = true,
					   .until_s = MAX(work->check_s, work->input->now_s + 1),
					   .have = (uint64_t)MAX(state->last_success_s, 0) });
}

static void release_decide(struct work *work)
{
	const struct policy_input *input = work->input;
	bool stage = false;
	bool boot = false;

	if (input->machine->asked && check_first(work))
		return;
	server_note(work);
	if (input->channel == NULL) {
		note(work,
		     (struct policy_reason){ .id = POLICY_REASON_NEVER_CHECKED,
					     .blocks = true,
					     .until_s = MAX(work->check_s, input->now_s + 1) });
	} else {
		if (input->undated)
			note(work, (struct policy_reason){ .id = POLICY_REASON_UNDATED,
							   .until_s = POLICY_UNTIL_ACT });
		work->pick = policypick_choose(input, work->decision);
		if (drop_decide(work))
			return;
		stage = stage_passes(work);
		boot = !stage && boot_passes(work);
	}
	if (lock_is_idle(work, boot))
		return;
	if (stage)
		stage_act(work);
	else if (boot)
		boot_act(work);
	else if (work->check_s <= input->now_s)
		act(work, POLICY_CHECK, NULL);
}

/* The first time at which anything here could be otherwise. */
static int64_t next_time(const struct work *work)
{
	const int64_t now_s = work->input->now_s;
	const struct policy_decision *decision = work->decision;
	int64_t next_s = MAX(work->check_s, now_s + 1);

	if (decision->action != POLICY_NOTHING)
		return now_s + POLICY_POLL_S;
	if (work->pick.turn_s > now_s)
		next_s = MIN(next_s, work->pick.turn_s);
	for (unsigned i = 0; i < decision->n_reasons; i++) {
		const struct policy_reason *reason = &decision->reasons[i];

		if (reason->blocks && reason->until_s == POLICY_UNTIL_CHANGE)
			next_s = MIN(next_s, now_s + POLICY_POLL_S);
		else if (reason->until_s > now_s)
			next_s = MIN(next_s, reason->until_s);
	}
	return next_s;
}

struct policy_decision policy_decide(const struct policy_input *input)
{
	struct policy_decision decision;
	struct work work = { .input = input, .decision = &decision, .pick.turn_s = INT64_MAX };
	const int64_t last_s = input->state->last_check_s;

	/* Not the reasons, which are many, and mostly not used. */
	decision.action = POLICY_NOTHING;
	decision.release = NULL;
	decision.urgent = decision.full_only = false;
	decision.n_reasons = 0;
	work.fresh = last_s > 0 && last_s <= input->now_s && last_s + POLICY_FRESH_S > input->now_s;
	work.check_s = check_time(input);
	if (input->machine->asked && work.fresh)
		work.check_s = MIN(work.check_s, last_s + POLICY_FRESH_S);
	if (nothing_to_decide(&work)) {
		work.check_s = input->now_s + POLICY_POLL_S;
	} else {
		release_decide(&work);
		if (decision.action == POLICY_NOTHING)
			note(&work, (struct policy_reason){ .id = POLICY_REASON_NEXT_CHECK,
							    .until_s = work.check_s,
							    .have = (uint64_t)MAX(last_s, 0) });
	}
	if (decision.action == POLICY_NOTHING)
		decision.release = NULL;
	decision.next_s = next_time(&work);
	return decision;
}

/* SPDX-License-Identifier: MIT */
#include "policypick.h"

#include <string.h>

#include "failed.h"
#include "policygate.h"
#include "version.h"
#include "wave.h"

enum { PASSED_OVER_TOLD_MAX = 6 };

struct pick {
	const struct policy_input *input;
	struct policy_decision *decision;
	unsigned newer;   /* index of the first release above the running one */
	unsigned barrier; /* index of the lowest barrier among these, or n_releases */
	bool stuck;       /* the running release is a dead end */
	struct policypick result;
};

/* By the root hash where it is known: a version may have been built anew, and of a release that
 * never came up the version may not be known. Channels tell versions only. */
static const struct failed *failure_find(const struct policy_state *state, const char *version,
					 const char *root_hash)
{
	if (root_hash != NULL)
		return state->failed != NULL ? failed_find(state->failed, root_hash) : NULL;
	for (guint i = 0; state->failed != NULL && i < state->failed->len; i++) {
		const struct failed *failed = state->failed->pdata[i];

		if (strcmp(failed->version, version) == 0)
			return failed;
	}
	return NULL;
}

/* Whether the machine's turn in the rollout has come; else what it waits for. */
static bool turn_has_come(struct pick *pick, const struct channel_release *release,
			  struct policy_reason *ret_reason)
{
	const struct policy_input *input = pick->input;
	const uint64_t *places = input->machine->places;
	int64_t turn_s = INT64_MAX;
	uint64_t place;

	if (release->rollout == NULL || pick->decision->urgent || input->machine->asked)
		return true;
	place = places != NULL ? places[release - input->channel->releases]
			       : wave_place(input->machine->machine_id, release->rollout->salt);
	if (wave_turn(release->rollout, place, &turn_s)) {
		if (turn_s <= input->now_s)
			return true;
		pick->result.turn_s = MIN(pick->result.turn_s, turn_s);
	}
	ret_reason->id = POLICY_REASON_WAVE;
	ret_reason->until_s = turn_s;
	return false;
}

/* Whether the machine may move to a release at all. `staged` is one that is already written: its
 * attempts do not matter any more. */
static bool release_may(struct pick *pick, const struct channel_release *release, bool staged,
			struct policy_reason *ret_reason)
{
	const struct policy_input *input = pick->input;
	const char *revoked = channel_revoked(input->channel, release->version);
	const struct failed *failed = failure_find(
		input->state, release->version, staged ? input->machine->staged_root_hash : NULL);
	const struct policy_attempt *attempt = staged ? NULL
						      : policygate_attempt(input->state,
									   release->version);
	struct policy_reason reason = { .version = release->version, .until_s = POLICY_UNTIL_ACT };

	if (revoked != NULL) {
		reason.id = POLICY_REASON_REVOKED;
		reason.text = revoked;
	} else if (failed != NULL) {
		reason.id = POLICY_REASON_FAILED;
		reason.text = failed->reason;
	} else if (release->security_version < input->machine->floor) {
		reason.id = POLICY_REASON_FLOOR;
		reason.have = release->security_version;
		reason.want = input->machine->floor;
	} else if (release->dead_end != NULL) {
		reason.id = POLICY_REASON_DEAD_END;
		reason.text = release->dead_end;
	} else if (attempt != NULL && attempt->count >= input->config->attempts &&
		   !input->machine->asked) {
		reason.id = POLICY_REASON_ATTEMPTS;
		reason.text = attempt->reason;
		reason.have = attempt->count;
	} else if (release->rollout != NULL && release->rollout->paused != NULL) {
		reason.id = POLICY_REASON_PAUSED;
		reason.text = release->rollout->paused;
	} else if (turn_has_come(pick, release, &reason)) {
		return true;
	}
	*ret_reason = reason;
	return false;
}

/* The newest release, up to the barrier, that the machine may move to. */
static void target_choose(struct pick *pick)
{
	const struct channel *channel = pick->input->channel;
	const unsigned end = MIN(pick->barrier + 1, channel->n_releases);
	unsigned told = 0;

	if (pick->stuck)
		return;
	if (pick->barrier + 1 < channel->n_releases)
		policygate_note(
			pick->decision,
			(struct policy_reason){ .id = POLICY_REASON_BARRIER,
						.version = channel->releases[pick->barrier].version,
						.until_s = POLICY_UNTIL_CHANGE });
	for (unsigned i = end; i > pick->newer; i--) {
		struct policy_reason reason;

		if (release_may(pick, &channel->releases[i - 1], false, &reason)) {
			pick->result.target = &channel->releases[i - 1];
			return;
		}
		reason.blocks = true;
		if (told++ < PASSED_OVER_TOLD_MAX)
			policygate_note(pick->decision, reason);
	}
}

/* Why what is staged must not boot; false: nothing says that. */
static bool staged_is_bad(const struct policy_input *input, struct policy_reason *ret_reason)
{
	const struct policy_machine *machine = input->machine;
	const char *revoked = channel_revoked(input->channel, machine->staged);
	struct policy_reason reason = { .version = machine->staged, .until_s = POLICY_UNTIL_ACT };

	if (revoked != NULL) {
		reason.id = POLICY_REASON_STAGED_REVOKED;
		reason.text = revoked;
	} else if (machine->staged_security_version < machine->floor) {
		reason.id = POLICY_REASON_STAGED_BELOW;
		reason.have = machine->staged_security_version;
		reason.want = machine->floor;
	} else {
		return false;
	}
	*ret_reason = reason;
	return true;
}

static void staged_judge(struct pick *pick)
{
	const struct policy_input *input = pick->input;
	const char *staged = input->machine->staged;
	const struct channel_release *release = channel_find(input->channel, staged);
	const struct failed *failed = failure_find(input->state, staged,
						   input->machine->staged_root_hash);
	struct policy_reason reason = { .version = staged, .until_s = POLICY_UNTIL_ACT };

	if (staged_is_bad(input, &reason)) {
		pick->result.staged_bad = true;
	} else if (failed != NULL) {
		reason.id = POLICY_REASON_STAGED_FAILED;
		reason.text = failed->reason;
	} else if (pick->stuck || release == NULL ||
		   release - input->channel->releases < pick->newer ||
		   release - input->channel->releases > pick->barrier) {
		/* Somebody put there what the channel does not lead to from here. */
		reason.id = POLICY_REASON_BY_HAND;
	} else if (release_may(pick, release, true, &reason)) {
		pick->result.staged_good = true;
		return;
	}
	reason.blocks = true;
	policygate_note(pick->decision, reason);
}

static void running_judge(struct pick *pick)
{
	const struct policy_input *input = pick->input;
	const char *running = input->machine->running;
	const char *revoked = channel_revoked(input->channel, running);
	const struct channel_release *release = channel_find(input->channel, running);

	if (revoked != NULL) {
		pick->decision->urgent = true;
		policygate_note(pick->decision,
				(struct policy_reason){ .id = POLICY_REASON_RUNNING_REVOKED,
							.version = running,
							.text = revoked,
							.until_s = POLICY_UNTIL_ACT });
	}
	if (release != NULL && release->dead_end != NULL) {
		pick->stuck = true;
		policygate_note(pick->decision,
				(struct policy_reason){ .id = POLICY_REASON_DEAD_END,
							.blocks = true,
							.version = running,
							.text = release->dead_end,
							.until_s = POLICY_UNTIL_ACT });
	}
}

struct policypick policypick_choose(const struct policy_input *input,
				    struct policy_decision *decision)
{
	const struct channel *channel = input->channel;
	struct pick pick = {
		.input = input,
		.decision = decision,
		.result = { .turn_s = INT64_MAX },
	};

	while (pick.newer < channel->n_releases &&
	       version_compare(channel->releases[pick.newer].version, input->machine->running) <= 0)
		pick.newer++;
	pick.barrier = pick.newer;
	while (pick.barrier < channel->n_releases && !channel->releases[pick.barrier].barrier)
		pick.barrier++;
	running_judge(&pick);
	target_choose(&pick);
	if (input->machine->staged != NULL)
		staged_judge(&pick);
	if (pick.newer == channel->n_releases && !pick.stuck && !decision->urgent)
		policygate_note(decision,
				(struct policy_reason){ .id = POLICY_REASON_UP_TO_DATE,
							.until_s = POLICY_UNTIL_CHANGE,
							.version = input->machine->running });
	if (decision->urgent && pick.result.target == NULL && !pick.result.staged_good)
		policygate_note(decision,
				(struct policy_reason){ .id = POLICY_REASON_NO_WAY,
							.blocks = true,
							.until_s = POLICY_UNTIL_ACT,
							.version = input->machine->running });
	return pick.result;
}

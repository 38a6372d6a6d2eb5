/* SPDX-License-Identifier: MIT */
#include "policygate.h"

#include <string.h>

enum { DOUBLINGS_MAX = 16, HOLDS_TOLD_MAX = 4 };

static bool reason_equals(const struct policy_reason *a, const struct policy_reason *b)
{
	return a->id == b->id && a->until_s == b->until_s && a->text == b->text &&
	       g_strcmp0(a->version, b->version) == 0;
}

void policygate_note(struct policy_decision *decision, struct policy_reason reason)
{
	for (unsigned i = 0; i < decision->n_reasons; i++)
		if (reason_equals(&decision->reasons[i], &reason))
			return;
	if (decision->n_reasons < POLICY_REASONS_MAX)
		decision->reasons[decision->n_reasons++] = reason;
}

/* The finalizer of splitmix64: near inputs give outputs that have nothing in common. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

int64_t policygate_jitter(const struct policy_machine *machine, int64_t salt, int64_t range)
{
	return range > 0 ? (int64_t)(mix(machine->place + mix((uint64_t)salt)) % (uint64_t)range)
			 : 0;
}

const struct policy_attempt *policygate_attempt(const struct policy_state *state,
						const char *version)
{
	for (unsigned i = 0; i < state->n_attempts; i++)
		if (strcmp(state->attempts[i].version, version) == 0)
			return &state->attempts[i];
	return NULL;
}

/* Notes that something stands in the way. */
static bool block(struct policy_decision *decision, struct policy_reason reason)
{
	reason.blocks = true;
	policygate_note(decision, reason);
	return false;
}

static bool holds_pass(const struct policy_input *input, struct policy_decision *decision)
{
	unsigned told = 0;

	for (unsigned i = 0; i < input->state->n_holds; i++) {
		const struct policy_hold *hold = &input->state->holds[i];

		if (hold->until_s <= input->now_s)
			continue;
		if (told++ < HOLDS_TOLD_MAX)
			block(decision, (struct policy_reason){ .id = POLICY_REASON_HOLD,
								.until_s = hold->until_s,
								.text = hold->reason,
								.by = hold->by });
	}
	return told == 0;
}

static bool approval_passes(const struct policy_input *input, const char *version,
			    struct policy_decision *decision)
{
	const struct policy_state *state = input->state;

	if (!input->config->approval || input->machine->asked)
		return true;
	for (unsigned i = 0; i < state->n_approved; i++)
		if (strcmp(state->approved[i], version) == 0)
			return true;
	return block(decision, (struct policy_reason){ .id = POLICY_REASON_APPROVAL,
						       .until_s = POLICY_UNTIL_ACT,
						       .version = version });
}

static bool power_passes(const struct policy_input *input, struct policy_decision *decision)
{
	const struct policy_machine *machine = input->machine;
	const int minimum = (int)MIN(input->config->battery_minimum, 100);
	bool passes = true;

	if (!machine->on_battery)
		return true;
	if (input->config->mains)
		passes = block(decision, (struct policy_reason){ .id = POLICY_REASON_MAINS,
								 .until_s = POLICY_UNTIL_CHANGE });
	if (machine->battery_percent >= 0 && machine->battery_percent < minimum)
		passes = block(decision,
			       (struct policy_reason){ .id = POLICY_REASON_BATTERY,
						       .until_s = POLICY_UNTIL_CHANGE,
						       .have = (uint64_t)machine->battery_percent,
						       .want = (uint64_t)minimum });
	return passes;
}

/* What holds back whatever is done. All are asked, so that all are told. */
static bool common_pass(const struct policy_input *input, const char *version,
			struct policy_decision *decision)
{
	bool passes = holds_pass(input, decision);

	passes = approval_passes(input, version, decision) && passes;
	if (input->machine->hook != NULL)
		passes = block(decision, (struct policy_reason){ .id = POLICY_REASON_HOOK,
								 .until_s = POLICY_UNTIL_CHANGE,
								 .text = input->machine->hook });
	if (input->expires_s > 0 && input->expires_s <= input->now_s)
		passes = block(decision,
			       (struct policy_reason){ .id = POLICY_REASON_EXPIRED,
						       .until_s = POLICY_UNTIL_CHANGE,
						       .have = (uint64_t)input->expires_s });
	return power_passes(input, decision) && passes;
}

static bool window_passes(const struct policy_input *input, const struct window *window,
			  enum policy_reason_id id, struct policy_decision *decision)
{
	struct window_span span;
	int64_t start_s;

	if (window == NULL || input->machine->asked)
		return true;
	span = window_find(window, input->machine->zone, input->now_s);
	start_s = window_start(span, input->machine->place);
	if (start_s <= input->now_s)
		return true;
	return block(decision, (struct policy_reason){ .id = id, .until_s = start_s });
}

static bool soak_passes(const struct policy_input *input, struct policy_decision *decision)
{
	const int64_t since_s = input->state->committed_s;
	const int64_t until_s = since_s + input->config->soak_s;

	/* A time in the future is of a clock that was wrong then. */
	if (since_s <= 0 || since_s > input->now_s || until_s <= input->now_s || decision->urgent ||
	    input->machine->asked)
		return true;
	return block(decision, (struct policy_reason){ .id = POLICY_REASON_SOAK,
						       .until_s = until_s,
						       .version = input->machine->running });
}

static bool backoff_passes(const struct policy_input *input, const char *version,
			   struct policy_decision *decision)
{
	const struct policy_attempt *attempt = policygate_attempt(input->state, version);
	int64_t wait_s;

	if (attempt == NULL || attempt->count == 0 || attempt->last_s > input->now_s ||
	    input->machine->asked)
		return true;
	wait_s = MIN((int64_t)POLICY_BACKOFF_FIRST_S << MIN(attempt->count - 1, DOUBLINGS_MAX),
		     POLICY_BACKOFF_MAX_S);
	wait_s = wait_s / 2 + policygate_jitter(input->machine, attempt->last_s, wait_s / 2);
	if (attempt->last_s + wait_s <= input->now_s)
		return true;
	return block(decision, (struct policy_reason){ .id = POLICY_REASON_BACKOFF,
						       .until_s = attempt->last_s + wait_s,
						       .version = version,
						       .text = attempt->reason,
						       .have = attempt->count });
}

static bool space_passes(const struct policy_input *input, const struct channel_release *release,
			 struct policy_decision *decision)
{
	const uint64_t want = MAX(input->config->free_minimum_bytes, release->minimum_free_bytes);

	if (input->machine->free_bytes >= want)
		return true;
	return block(decision, (struct policy_reason){ .id = POLICY_REASON_SPACE,
						       .until_s = POLICY_UNTIL_CHANGE,
						       .version = release->version,
						       .have = input->machine->free_bytes,
						       .want = want });
}

bool policygate_stage(const struct policy_input *input, const struct channel_release *release,
		      struct policy_decision *decision)
{
	bool passes = common_pass(input, release->version, decision);

	passes = soak_passes(input, decision) && passes;
	passes = backoff_passes(input, release->version, decision) && passes;
	passes = space_passes(input, release, decision) && passes;
	if (input->machine->metered && !input->config->metered && !input->machine->asked)
		passes = block(decision, (struct policy_reason){ .id = POLICY_REASON_METERED,
								 .until_s = POLICY_UNTIL_CHANGE });
	return window_passes(input, input->config->windows, POLICY_REASON_WINDOW, decision) &&
	       passes;
}

bool policygate_activate(const struct policy_input *input, const struct channel_release *release,
			 struct policy_decision *decision)
{
	return common_pass(input, release->version, decision);
}

bool policygate_reboot(const struct policy_input *input, const struct channel_release *release,
		       struct policy_decision *decision)
{
	const struct policy_config *config = input->config;
	bool passes = common_pass(input, release->version, decision);

	passes = window_passes(input,
			       config->reboot_windows != NULL ? config->reboot_windows
							      : config->windows,
			       POLICY_REASON_REBOOT_WINDOW, decision) &&
		 passes;
	if (input->machine->inhibitor != NULL)
		passes = block(decision,
			       (struct policy_reason){ .id = POLICY_REASON_INHIBITOR,
						       .until_s = POLICY_UNTIL_CHANGE,
						       .text = input->machine->inhibitor });
	return passes;
}

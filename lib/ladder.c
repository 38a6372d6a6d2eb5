/* SPDX-License-Identifier: MIT */
#include "ladder.h"

static const char *const STEPS[LADDER_STEP_COUNT] = {
	[LADDER_COMMIT] = "committed",
	[LADDER_RETRY] = "retry",
	[LADDER_REBOOT] = "reboot",
	[LADDER_STAY] = "stay",
};

static const char *const REASONS[LADDER_REASON_COUNT] = {
	[LADDER_HEALTHY] = "no required check failed",
	[LADDER_ROUND] = "the checks are run once more",
	[LADDER_TRY] = "another boot may do better, or is the other slot's",
	[LADDER_OTHER] = "the other slot holds a good release",
	[LADDER_NOWHERE] = "a reboot would lead nowhere better",
	[LADDER_HELD] = "automatic reboots are held off until the next boot",
	[LADDER_NEVER] = "the configuration forbids automatic reboots",
	[LADDER_LIMIT] = "there were enough automatic reboots in the last 24 hours",
	[LADDER_NOT_COUNTED] = "it is not known how many automatic reboots there were",
};

static struct ladder_choice stay(enum ladder_reason reason)
{
	return (struct ladder_choice){ LADDER_STAY, reason };
}

/* What a person has said comes before what has been counted. */
struct ladder_choice ladder_choose(const struct ladder_state *state)
{
	if (state->healthy)
		return (struct ladder_choice){ LADDER_COMMIT, LADDER_HEALTHY };
	if (state->rounds_left > 0)
		return (struct ladder_choice){ LADDER_RETRY, LADDER_ROUND };
	if (!state->reboot_helps)
		return stay(LADDER_NOWHERE);
	if (state->held)
		return stay(LADDER_HELD);
	if (state->reboot_never)
		return stay(LADDER_NEVER);
	if (!state->counted && !state->on_trial)
		return stay(LADDER_NOT_COUNTED);
	if (state->counted && state->reboots >= state->reboots_max)
		return stay(LADDER_LIMIT);
	return (struct ladder_choice){ LADDER_REBOOT, state->on_trial ? LADDER_TRY : LADDER_OTHER };
}

const char *ladder_step_name(enum ladder_step step)
{
	return STEPS[step];
}

const char *ladder_reason_text(enum ladder_reason reason)
{
	return REASONS[reason];
}

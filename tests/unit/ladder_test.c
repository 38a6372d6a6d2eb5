/* SPDX-License-Identifier: MIT */
/* Every state there is, and what it must lead to, said in other words: as what each step needs. */
#include "ladder.h"

#include <string.h>

#include "tap.h"

enum { FLAGS = 6, ROUNDS = 3, REBOOTS = 5, LIMITS = 4 };

static struct ladder_state state_of(unsigned flags, unsigned rounds, unsigned reboots,
				    unsigned limit)
{
	return (struct ladder_state){ .healthy = (flags & 1) != 0,
				      .reboot_helps = (flags & 2) != 0,
				      .on_trial = (flags & 4) != 0,
				      .held = (flags & 8) != 0,
				      .reboot_never = (flags & 16) != 0,
				      .counted = (flags & 32) != 0,
				      .rounds_left = rounds,
				      .reboots = reboots,
				      .reboots_max = limit };
}

/* Whether the machine may be rebooted at all: nothing speaks against it, and it has an end. */
static bool reboot_is_allowed(const struct ladder_state *state)
{
	const bool has_end = state->counted ? state->reboots < state->reboots_max : state->on_trial;
	const bool is_wanted = !state->held && !state->reboot_never && state->reboot_helps;

	return is_wanted && has_end;
}

static unsigned seen[LADDER_REASON_COUNT];

static void judge(const struct ladder_state *state)
{
	const struct ladder_choice choice = ladder_choose(state);

	seen[choice.reason]++;
	expect((choice.step == LADDER_COMMIT) == state->healthy);
	if (state->healthy)
		return;
	expect((choice.step == LADDER_RETRY) == (state->rounds_left != 0));
	if (state->rounds_left != 0)
		return;
	expect((choice.step == LADDER_REBOOT) == reboot_is_allowed(state));
	expect(choice.step == LADDER_REBOOT || choice.step == LADDER_STAY);
	/* The reason that is told is true. */
	expect(choice.reason != LADDER_NOWHERE || !state->reboot_helps);
	expect(choice.reason != LADDER_HELD || state->held);
	expect(choice.reason != LADDER_NEVER || state->reboot_never);
	expect(choice.reason != LADDER_LIMIT ||
	       (state->counted && state->reboots >= state->reboots_max));
	expect(choice.reason != LADDER_NOT_COUNTED || (!state->counted && !state->on_trial));
	expect(choice.reason != LADDER_TRY || state->on_trial);
	expect(choice.reason != LADDER_OTHER || !state->on_trial);
}

static void test_all(void)
{
	for (unsigned flags = 0; flags < 1u << FLAGS; flags++)
		for (unsigned rounds = 0; rounds < ROUNDS; rounds++)
			for (unsigned cell = 0; cell < REBOOTS * LIMITS; cell++) {
				const struct ladder_state state = state_of(
					flags, rounds, cell % REBOOTS, cell / REBOOTS);

				judge(&state);
			}
	for (unsigned reason = 0; reason < LADDER_REASON_COUNT; reason++)
		expect(seen[reason] > 0);
}

/* A sick machine that counts each of its reboots comes to rest, whatever else is so. */
static void test_end(void)
{
	for (unsigned flags = 0; flags < 1u << FLAGS; flags++) {
		struct ladder_state state = state_of(flags & ~1u, 0, 0, 3);
		unsigned reboots = 0;

		if (!state.counted)
			continue;
		while (reboots < 10 && ladder_choose(&state).step == LADDER_REBOOT)
			state.reboots = ++reboots;
		expect(reboots <= 3);
	}
}

static void test_words(void)
{
	for (unsigned step = 0; step < LADDER_STEP_COUNT; step++)
		expect(ladder_step_name(step)[0] != '\0');
	for (unsigned reason = 0; reason < LADDER_REASON_COUNT; reason++)
		for (unsigned other = 0; other < reason; other++)
			expect(strcmp(ladder_reason_text(reason), ladder_reason_text(other)) != 0);
}

static const struct tap_case CASES[] = {
	{ "every state", test_all },
	{ "it has an end", test_end },
	{ "words", test_words },
};
TAP_MAIN(CASES)

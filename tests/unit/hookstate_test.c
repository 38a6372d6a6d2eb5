/* SPDX-License-Identifier: MIT */
#include "hookstate.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

static void test_once(void)
{
	char *folder = tempdir_new();
	g_auto(Hookstate) state = hookstate_load(folder);
	g_auto(Hookstate) again = { .committed = NULL };

	expect(state.committed == NULL && state.left == NULL && state.veto == NULL);
	expect(hookstate_note_commit(&state, "aa"));
	expect(!hookstate_note_commit(&state, "aa"));
	expect(hookstate_note_left(&state, "bb"));
	expect(!hookstate_note_left(&state, "bb"));
	expect(hookstate_save(folder, &state, NULL));
	again = hookstate_load(folder);
	expect(!hookstate_note_commit(&again, "aa") && !hookstate_note_left(&again, "bb"));
	expect(hookstate_note_commit(&again, "cc"));
	/* Tried anew, it may be left anew; another one does not matter. */
	expect(!hookstate_note_activated(&again, "cc"));
	expect(hookstate_note_activated(&again, "bb"));
	expect(hookstate_note_left(&again, "bb"));
	tempdir_free(folder);
}

static void test_veto(void)
{
	char *folder = tempdir_new();
	g_auto(Hookstate) state = hookstate_load(folder);
	g_auto(Hookstate) again = { .committed = NULL };
	g_autofree char *flood = g_strnfill(5000, 'x');

	expect(hookstate_note_veto(&state, HOOKS_PRE_STAGE, "2.0", "no\nroom\033[2J"));
	expect(hookstate_save(folder, &state, NULL));
	again = hookstate_load(folder);
	expect(strcmp(again.veto, "no room [2J") == 0 && strcmp(again.veto_version, "2.0") == 0);
	expect(strcmp(again.veto_kind, "pre-stage") == 0 && again.veto_time_us > 0);
	/* The yes of another kind says nothing of it. */
	expect(!hookstate_note_veto(&again, HOOKS_PRE_REBOOT, "2.0", NULL));
	expect(again.veto != NULL);
	expect(hookstate_note_veto(&again, HOOKS_PRE_STAGE, "2.0", NULL));
	expect(again.veto == NULL && again.veto_time_us == 0);
	expect(hookstate_note_veto(&again, HOOKS_PRE_STAGE, "2.0", flood));
	expect(strlen(again.veto) == HOOKS_VALUE_MAX);
	tempdir_free(folder);
}

static void test_damaged(void)
{
	static const char *const TEXTS[] = { "", "{", "[]", "{\"committed\": 3, \"veto\": {}}",
					     "{\"committed\": \"\", \"left\": null}" };
	char *folder = tempdir_new();

	for (size_t i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		g_auto(Hookstate) state = { .committed = NULL };

		expect(tempdir_write(folder, "hooks.json", TEXTS[i], 0644));
		state = hookstate_load(folder);
		expect(state.committed == NULL && state.left == NULL && state.veto == NULL);
	}
	tempdir_free(folder);
}

/* Every state of the other slot, with every word of azboot's: the rule in other words. */
static void test_left(void)
{
	static const char *const WORDS[] = { NULL,        "none",     "once",       "trial",
					     "preferred", "fallback", "last-resort" };
	static const fault FAULTS[] = { FAULT_OK, FAULT_MARKED_BAD, FAULT_SLOT_REVOKED,
					FAULT_SLOT_TRIES_SPENT };

	for (unsigned state = 0; state < SLOT_STATE_COUNT; state++)
		for (unsigned failures = 0; failures <= SLOT_FAILURES_MAX; failures++)
			for (size_t i = 0; i < G_N_ELEMENTS(FAULTS) * G_N_ELEMENTS(WORDS); i++) {
				const char *word = WORDS[i % G_N_ELEMENTS(WORDS)];
				const struct slot other = {
					.state = (enum slot_state)state,
					.failures = (uint8_t)failures,
					.fault = FAULTS[i / G_N_ELEMENTS(WORDS)],
				};
				const struct slot good = { .state = SLOT_GOOD };
				const struct slot trial = { .state = SLOT_TRYING };
				gboolean wanted = state == SLOT_BAD &&
						  (other.fault == FAULT_OK ||
						   other.fault == FAULT_SLOT_TRIES_SPENT);

				wanted = wanted || (state == SLOT_GOOD && failures > 2);
				wanted = wanted && word != NULL && strchr("fl", word[0]) != NULL;
				expect(hookstate_is_left(&good, &other, word) == wanted);
				expect(!hookstate_is_left(&trial, &other, word));
			}
}

static const struct tap_case CASES[] = {
	{ "each is told once", test_once },
	{ "a veto stands until its kind says yes", test_veto },
	{ "damaged files", test_damaged },
	{ "which release was left", test_left },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "policystate.h"

#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

enum { NOW = 1800000000 };

static struct policystate *example_new(void)
{
	struct policystate *state = policystate_new();

	expect(policystate_hold(state, NOW + 10, "ann", "fair week", NULL));
	expect(policystate_hold(state, POLICY_UNTIL_ACT, "bob", NULL, NULL));
	policystate_approve(state, "4.0.2");
	policystate_attempt(state, "4.0.3", NOW - 5, "disk full");
	policystate_attempt(state, "4.0.3", NOW - 4, NULL);
	policystate_checked(state, NOW - 3, TRUE);
	policystate_checked(state, NOW - 2, FALSE);
	policystate_lock(state, NOW - 1, "all slots are taken");
	policystate_warned(state, NOW - 1);
	policystate_note(state, NOW, "staged", "4.0.2", "because \x1b[2J\xff");
	return state;
}

static void example_check(const struct policystate *state)
{
	const struct policy_state view = policystate_view(state, NULL);
	const struct policystate_event *event;

	expect(view.n_holds == 2 && view.holds[0].until_s == NOW + 10);
	expect(strcmp(view.holds[0].by, "ann") == 0);
	expect(strcmp(view.holds[0].reason, "fair week") == 0);
	expect(view.holds[1].until_s == POLICY_UNTIL_ACT && view.holds[1].reason == NULL);
	expect(view.n_approved == 1 && strcmp(view.approved[0], "4.0.2") == 0);
	expect(view.n_attempts == 1 && view.attempts[0].count == 2);
	expect(view.attempts[0].last_s == NOW - 4 && view.attempts[0].reason == NULL);
	expect(view.last_known_s == NOW - 3 && view.last_success_s == NOW - 3);
	expect(view.last_check_s == NOW - 2 && view.check_failures == 1);
	expect(!view.lock_held && view.lock_refused_s == NOW - 1);
	expect(strcmp(view.lock_refusal, "all slots are taken") == 0 && view.warned_s == NOW - 1);
	expect(state->history->len == 1);
	event = &g_array_index(state->history, struct policystate_event, 0);
	expect(event->time_s == NOW && strcmp(event->what, "staged") == 0);
	expect(strcmp(event->reason, "because ?[2J\xef\xbf\xbd") == 0);
}

static void test_file(void)
{
	char *folder = tempdir_new();
	g_autofree char *deep = g_build_filename(folder, "new", NULL);
	g_autoptr(Policystate) state = example_new();
	g_autoptr(Policystate) empty = policystate_load(deep, NULL);
	g_autoptr(Policystate) back = NULL;

	expect(empty != NULL && empty->holds->len == 0 && empty->last_check_s == 0);
	expect(policystate_save(deep, state, NULL));
	back = policystate_load(deep, NULL);
	expect(back != NULL);
	if (back != NULL)
		example_check(back);
	tempdir_free(folder);
}

static void test_unwritable(void)
{
	char *folder = tempdir_new();
	g_autofree char *file = g_build_filename(folder, "file", NULL);
	g_autoptr(Policystate) state = example_new();
	g_autoptr(GError) error = NULL;

	expect(tempdir_write(folder, "file", "", 0644));
	expect(!policystate_save(file, state, &error));
	expect(failure_code(error) == FAULT_STATE_FILE);
	tempdir_free(folder);
}

/* Each is refused, and none is taken for a machine without holds. */
static void test_damage(void)
{
	static const char *const DAMAGED[] = {
		"",
		"[]",
		"{}",
		"{\"check_failures\": -1}",
		"{\"check_failures\": 0, \"holds\": {}}",
		"{\"check_failures\": 0, \"holds\": [1]}",
		"{\"check_failures\": 0, \"holds\": [{\"until\": -1}]}",
		"{\"check_failures\": 0, \"holds\": [{\"until\": 253402300800}]}",
		"{\"check_failures\": 0, \"holds\": [{\"by\": 3}]}",
		"{\"check_failures\": 0, \"attempts\": [{\"version\": \"a/b\"}]}",
		"{\"check_failures\": 0, \"attempts\": [{\"version\": \"1\"}]}",
		"{\"check_failures\": 0, \"history\": [{\"time\": 1}]}",
		"{\"check_failures\": 0, \"approved\": [1]}",
		"{\"check_failures\": 0, \"last_check\": \"x\"}",
		"{\"check_failures\": 0, \"check_failures\": 0}",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(DAMAGED); i++) {
		char *folder = tempdir_new();
		g_autoptr(GError) error = NULL;
		g_autoptr(Policystate) state = NULL;

		expect(tempdir_write(folder, "policy.json", DAMAGED[i], 0644));
		state = policystate_load(folder, &error);
		expect(state == NULL && failure_code(error) == FAULT_POLICYSTATE);
		if (state != NULL)
			printf("# taken: %s\n", DAMAGED[i]);
		tempdir_free(folder);
	}
}

static void test_large(void)
{
	g_autofree char *text = g_strnfill(1024 * 1024, ' ');
	g_autofree char *large = g_strconcat("{\"check_failures\": 0}", text, NULL);
	char *folder = tempdir_new();
	g_autoptr(GError) error = NULL;

	expect(tempdir_write(folder, "policy.json", large, 0644));
	expect(policystate_load(folder, &error) == NULL);
	expect(failure_code(error) == FAULT_POLICYSTATE);
	tempdir_free(folder);
}

static void test_holds(void)
{
	g_autoptr(Policystate) state = policystate_new();
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < POLICYSTATE_HOLDS_MAX; i++) {
		char name[8];

		g_snprintf(name, sizeof name, "n%u", i);
		expect(policystate_hold(state, NOW + i, name, "r", NULL));
	}
	expect(policystate_hold(state, NOW + 100, "n3", "other", NULL));
	expect(state->holds->len == POLICYSTATE_HOLDS_MAX);
	expect(!policystate_hold(state, NOW, "more", "r", &error));
	expect(failure_code(error) == FAULT_POLICYSTATE_FULL);
	expect(policystate_unhold(state, "n5") == 1 && policystate_unhold(state, "n5") == 0);
	expect(policystate_hold(state, G_MAXINT64 - 3, NULL, NULL, NULL));
	expect(policystate_hold(state, POLICY_TIME_MAX_S + 1, NULL, NULL, NULL));
	/* A time that no file could hold is no time at all. */
	expect(g_array_index(state->holds, struct policy_hold, POLICYSTATE_HOLDS_MAX - 1).until_s ==
	       POLICY_UNTIL_ACT);
	expect(state->holds->len == POLICYSTATE_HOLDS_MAX);
	policystate_tidy(state, NOW + 6);
	/* n0 to n6 are over, but n3 was set anew, and n5 is gone. */
	expect(state->holds->len == POLICYSTATE_HOLDS_MAX - 5);
	expect(policystate_unhold(state, NULL) == POLICYSTATE_HOLDS_MAX - 5);
}

/* The oldest are forgotten, in memory and in the file. */
static void test_limits(void)
{
	char *folder = tempdir_new();
	g_autoptr(Policystate) state = policystate_new();
	g_autoptr(Policystate) back = NULL;
	g_autofree char *text = g_strnfill(2 * POLICYSTATE_TEXT_MAX, 'x');

	for (unsigned i = 0; i < 2 * POLICYSTATE_HISTORY_MAX; i++) {
		g_autofree char *version = g_strdup_printf("%u", i);

		policystate_note(state, NOW + i, "staged", version, text);
		policystate_attempt(state, version, NOW, text);
		policystate_approve(state, version);
		policystate_approve(state, version);
	}
	expect(policystate_save(folder, state, NULL));
	back = policystate_load(folder, NULL);
	expect(back != NULL && back->history->len == POLICYSTATE_HISTORY_MAX);
	expect(back->attempts->len == POLICYSTATE_ATTEMPTS_MAX);
	expect(back->approved->len == POLICYSTATE_APPROVED_MAX);
	expect(strcmp(back->approved->pdata[0], "384") == 0);
	expect(g_array_index(back->history, struct policystate_event, 0).time_s == NOW + 200);
	expect(strlen(g_array_index(back->history, struct policystate_event, 0).reason) ==
	       POLICYSTATE_TEXT_MAX);
	policystate_forget_attempts(back, "399");
	policystate_forget_attempts(back, "0");
	expect(back->attempts->len == POLICYSTATE_ATTEMPTS_MAX - 1);
	tempdir_free(folder);
}

/* A clock that is wrong for an hour must not stop updates for years. */
static void test_clock(void)
{
	g_autoptr(Policystate) state = policystate_new();

	policystate_checked(state, NOW, TRUE);
	policystate_checked(state, NOW + 70 * 365 * INT64_C(86400), FALSE);
	expect(state->last_known_s == NOW && state->check_failures == 1);
	policystate_checked(state, NOW - 100, TRUE);
	expect(state->last_known_s == NOW && state->last_success_s == NOW - 100);
	policystate_checked(state, -5, FALSE);
	expect(state->last_check_s == 0);
}

static void test_reboot(void)
{
	g_autoptr(Policystate) state = example_new();

	policystate_lock(state, NOW, NULL);
	expect(state->lock_held && state->lock_refused_s == 0 && state->lock_refusal == NULL);
	policystate_committed(state, NOW);
	expect(state->committed_s == NOW && state->warned_s == 0 && state->approved->len == 0);
	expect(state->lock_held);
	policystate_unlocked(state);
	expect(!state->lock_held);
}

static const struct tap_case CASES[] = {
	{ "what is saved is loaded", test_file },
	{ "a folder that cannot be written", test_unwritable },
	{ "damage is no factory state", test_damage },
	{ "a file that is too large", test_large },
	{ "holds", test_holds },
	{ "limits", test_limits },
	{ "known time", test_clock },
	{ "lock and commit", test_reboot },
};
TAP_MAIN(CASES)

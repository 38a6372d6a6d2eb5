/* SPDX-License-Identifier: MIT */
/* Walks every slot table. The oracle restates the rules as a list of orders, in other words than
 * slot.c: it never asks slot.c what is bootable. */
#include "slot.h"

#include <string.h>

#include "tap.h"

static unsigned long walked;

enum { NEVER = -100 };

/* The rules, as one number per slot: which class it is in, and its place in the class. Below zero
 * it starts only if the other one cannot. */
static int oracle_merit(struct slot slot, struct slot beside)
{
	static const int SCORE_BY_STATE[SLOT_STATE_COUNT] = { 0, 0, 1, 1, 0 };
	const bool trial = slot.state == SLOT_TRYING;

	if (SCORE_BY_STATE[slot.state] == 0)
		return NEVER; /* empty, staged and bad never boot */
	if (trial && slot.tries_left == 0)
		return slot.failures == 7 || beside.state == SLOT_GOOD ? NEVER : -1 - slot.failures;
	if (trial || slot.failures <= 2)
		return 100 + slot.priority;             /* by priority alone */
	return (7 - slot.failures) * 4 + slot.priority; /* failing: the less often, the better */
}

static unsigned oracle_choose(const struct slot_table *table, unsigned excluded)
{
	const int a = excluded == SLOT_A ? NEVER
					 : oracle_merit(table->slots[SLOT_A], table->slots[SLOT_B]);
	const int b = excluded == SLOT_B ? NEVER
					 : oracle_merit(table->slots[SLOT_B], table->slots[SLOT_A]);

	if (table->once == SLOT_A && a >= 0)
		return SLOT_A;
	if (table->once == SLOT_B && b >= 0)
		return SLOT_B;
	if (a == NEVER && b == NEVER)
		return SLOT_NONE;
	if (a == b && a < 0)
		return table->last == SLOT_A ? SLOT_B : SLOT_A; /* in turn */
	return b > a ? SLOT_B : SLOT_A;
}

/* What must be stored before the hand-over, slot by slot. */
static bool oracle_stored(struct slot before, struct slot after, bool chosen, bool desperate)
{
	if (before.state == SLOT_TRYING && before.tries_left == 0 && !desperate)
		return after.state == SLOT_BAD && after.fault != 0;
	if (after.state != before.state || after.priority != before.priority)
		return false;
	if (!chosen)
		return after.tries_left == before.tries_left && after.failures == before.failures;
	if (before.state == SLOT_TRYING && before.tries_left > 0)
		return after.tries_left == before.tries_left - 1;
	return after.failures == (before.failures == 7 ? 7 : before.failures + 1);
}

/* Out of tries, but there is no good one to go back to: it is kept while it may start. */
static bool oracle_is_desperate(const struct slot_table *table, unsigned slot)
{
	return table->slots[1 - slot].state != SLOT_GOOD && table->slots[slot].failures < 7;
}

static void expect_choice(const struct slot_table *table, unsigned excluded)
{
	const struct slot_choice choice = slot_choose(table, excluded);
	const unsigned wanted = oracle_choose(table, excluded);
	struct slot_choice unstored;

	walked++;
	if (choice.index != wanted)
		printf("# a %d/%u/%u/%u b %d/%u/%u/%u once %u: %u, not %u\n", table->slots[0].state,
		       table->slots[0].priority, table->slots[0].tries_left,
		       table->slots[0].failures, table->slots[1].state, table->slots[1].priority,
		       table->slots[1].tries_left, table->slots[1].failures, table->once,
		       choice.index, wanted);
	expect(choice.index == wanted);
	expect((choice.reason == SLOT_REASON_NONE) == (wanted == SLOT_NONE));
	expect(choice.table.once == SLOT_NONE);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		expect(oracle_stored(table->slots[i], choice.table.slots[i], i == choice.index,
				     oracle_is_desperate(table, i)));

	unstored = slot_choose_unstored(table, excluded);
	expect(unstored.index == SLOT_NONE || table->slots[unstored.index].state == SLOT_GOOD);
	expect(unstored.index != SLOT_NONE ||
	       ((excluded == SLOT_A || table->slots[SLOT_A].state != SLOT_GOOD) &&
		(excluded == SLOT_B || table->slots[SLOT_B].state != SLOT_GOOD)));
}

static unsigned slots_all(struct slot *slots)
{
	unsigned count = 0;

	for (unsigned state = 0; state < SLOT_STATE_COUNT; state++)
		for (unsigned priority = 0; priority <= SLOT_PRIORITY_MAX; priority++)
			for (unsigned tries = 0; tries <= SLOT_TRIES_MAX; tries++)
				for (unsigned failures = 0; failures <= SLOT_FAILURES_MAX;
				     failures++)
					slots[count++] = (struct slot){
						.state = (enum slot_state)state,
						.priority = (uint8_t)priority,
						.tries_left = (uint8_t)tries,
						.failures = (uint8_t)failures,
					};
	return count;
}

/* Fields that a state does not use take their extremes only, or the walk would say the same
 * thing a thousand times. */
static bool slot_is_redundant(struct slot slot)
{
	const bool middle_tries = slot.tries_left > 0 && slot.tries_left < SLOT_TRIES_MAX;
	const bool middle_failures = slot.failures > 0 && slot.failures < SLOT_FAILURES_MAX;

	const bool counts = slot.state == SLOT_GOOD ||
			    (slot.state == SLOT_TRYING && slot.tries_left == 0);

	return (slot.state != SLOT_TRYING && middle_tries) || (!counts && middle_failures);
}

static void test_every_table(void)
{
	static struct slot slots[SLOT_STATE_COUNT * 4 * 8 * 8];
	const unsigned count = slots_all(slots);
	struct slot_table table = { .last = SLOT_NONE };

	for (unsigned a = 0; a < count; a++) {
		if (slot_is_redundant(slots[a]))
			continue;
		for (unsigned b = 0; b < count; b++) {
			if (slot_is_redundant(slots[b]))
				continue;
			table.slots[SLOT_A] = slots[a];
			table.slots[SLOT_B] = slots[b];
			table.last = (uint8_t)((a + b) % (SLOT_NONE + 1));
			for (unsigned once = 0; once <= SLOT_NONE; once++)
				for (unsigned excluded = 0; excluded <= SLOT_NONE; excluded++) {
					table.once = (uint8_t)once;
					expect_choice(&table, excluded);
				}
		}
	}
	printf("# %lu tables walked\n", walked);
}

static struct slot_table table_good_and(enum slot_state state, unsigned tries)
{
	return (struct slot_table){
		.slots = { { .state = SLOT_GOOD, .priority = 1 },
			   { .state = state, .priority = 2, .tries_left = (uint8_t)tries } },
		.once = SLOT_NONE,
		.last = SLOT_A,
	};
}

/* The whole life of a broken release: three boots of it, then the old one, for ever. */
static void test_trial_that_fails(void)
{
	struct slot_table table = table_good_and(SLOT_TRYING, 3);

	for (unsigned boot = 0; boot < 10; boot++) {
		const struct slot_choice choice = slot_choose(&table, SLOT_NONE);

		expect(choice.index == (boot < 3 ? SLOT_B : SLOT_A));
		expect(choice.reason == (boot < 3 ? SLOT_REASON_TRIAL : SLOT_REASON_FALLBACK));
		table = choice.table;
		if (choice.index == SLOT_A)
			expect(slot_commit(&table, SLOT_A) == FAULT_OK);
	}
	expect(table.slots[SLOT_B].state == SLOT_BAD);
	expect(table.slots[SLOT_B].fault == FAULT_SLOT_TRIES_SPENT);
}

/* A good slot that rots: passed over after three boots, the other one stays. */
static void test_good_slot_that_rots(void)
{
	struct slot_table table = table_good_and(SLOT_GOOD, 0);

	for (unsigned boot = 0; boot < 12; boot++) {
		const struct slot_choice choice = slot_choose(&table, SLOT_NONE);

		expect(choice.index == (boot < 3 ? SLOT_B : SLOT_A));
		table = choice.table;
		if (choice.index == SLOT_A)
			expect(slot_commit(&table, SLOT_A) == FAULT_OK);
	}
}

/* Both rot: they take turns, so that whichever heals first is found. */
static void test_both_rot(void)
{
	struct slot_table table = table_good_and(SLOT_GOOD, 0);
	unsigned boots[SLOT_COUNT] = { 0, 0 };

	for (unsigned boot = 0; boot < 40; boot++) {
		const struct slot_choice choice = slot_choose(&table, SLOT_NONE);

		expect(choice.index != SLOT_NONE);
		boots[choice.index]++;
		table = choice.table;
	}
	expect(boots[SLOT_A] >= 7 && boots[SLOT_B] >= 7);
}

/* A forced install over the fallback during the last try, and a power cut: the release that was on
 * trial is all that is left. It starts, but not for ever, and a commit makes it good. */
static void test_last_try_is_all(void)
{
	struct slot_table table = table_good_and(SLOT_TRYING, 1);
	struct slot_choice choice = slot_choose(&table, SLOT_NONE);
	unsigned boots = 0;

	expect(choice.index == SLOT_B);
	table = choice.table;
	expect(slot_stage_begin(&table, SLOT_A) == FAULT_OK);
	expect(slot_mark_bad(&table, SLOT_B, FAULT_MARKED_BAD) == FAULT_SLOT_ONLY_ONE);
	expect(!slot_reboot_helps(&table, SLOT_B));
	choice = slot_choose(&table, SLOT_NONE);
	expect(choice.index == SLOT_B && choice.reason == SLOT_REASON_LAST_RESORT);
	table = choice.table;
	expect(slot_commit(&table, SLOT_B) == FAULT_OK);
	expect(table.slots[SLOT_B].state == SLOT_GOOD && table.slots[SLOT_B].failures == 0);

	table = table_good_and(SLOT_TRYING, 0);
	table.slots[SLOT_A] = (struct slot){ .state = SLOT_STAGED };
	while (boots < 100 && slot_choose(&table, SLOT_NONE).index == SLOT_B) {
		table = slot_choose(&table, SLOT_NONE).table;
		boots++;
	}
	expect(boots == SLOT_FAILURES_MAX);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_NONE);
	expect(slot_choose(&table, SLOT_NONE).table.slots[SLOT_B].state == SLOT_BAD);
	expect(slot_choose_unstored(&table, SLOT_NONE).index == SLOT_NONE);
}

static void test_start_failure(void)
{
	struct slot_table table = table_good_and(SLOT_TRYING, 3);
	struct slot_choice choice = slot_choose(&table, SLOT_NONE);

	slot_start_failed(&choice.table, choice.index, FAULT_BOOT_DENIED);
	expect(choice.table.slots[SLOT_B].state == SLOT_BAD);
	expect(choice.table.slots[SLOT_B].fault == FAULT_BOOT_DENIED);
	choice = slot_choose(&choice.table, SLOT_B);
	expect(choice.index == SLOT_A && choice.reason == SLOT_REASON_FALLBACK);

	table = table_good_and(SLOT_GOOD, 0);
	slot_start_failed(&table, SLOT_B, FAULT_BOOT_READ);
	expect(table.slots[SLOT_B].state == SLOT_GOOD && table.last_fault == FAULT_BOOT_READ);
}

static void test_steps(void)
{
	struct slot_table table = table_good_and(SLOT_BAD, 0);
	uint8_t hash[SLOT_HASH_SIZE];

	memset(hash, 7, sizeof hash);
	expect(slot_activate(&table, SLOT_B, 3) == FAULT_SLOT_BAD);
	expect(slot_stage_end(&table, SLOT_B, hash, 1) == FAULT_SLOT_NOT_EMPTY);
	expect(slot_stage_begin(&table, SLOT_B) == FAULT_OK);
	expect(slot_activate(&table, SLOT_B, 3) == FAULT_SLOT_EMPTY);
	expect(slot_commit(&table, SLOT_B) == FAULT_SLOT_EMPTY);
	expect(slot_stage_end(&table, SLOT_B, hash, 5) == FAULT_OK);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_A);
	expect(slot_activate(&table, SLOT_B, 0) == FAULT_SLOT_TRIES_RANGE);
	expect(slot_activate(&table, SLOT_B, 8) == FAULT_SLOT_TRIES_RANGE);
	expect(slot_activate(&table, SLOT_B, 3) == FAULT_OK);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_B);
	expect(table.slots[SLOT_B].security_version == 5 && table.slots[SLOT_B].root_hash[31] == 7);
	expect(slot_commit(&table, SLOT_B) == FAULT_OK);
	expect(table.floor_request == 5);
	expect(slot_activate(&table, SLOT_A, 3) == FAULT_OK);
	expect(table.slots[SLOT_A].state == SLOT_GOOD);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_A);
	expect(slot_mark_bad(&table, SLOT_A, FAULT_MARKED_BAD) == FAULT_OK);
	expect(slot_mark_bad(&table, SLOT_B, FAULT_MARKED_BAD) == FAULT_SLOT_ONLY_ONE);
	expect(slot_note_fault(&table, SLOT_B, FAULT_HEALTH_REQUIRED) == FAULT_OK);
	expect(table.slots[SLOT_B].fault == FAULT_HEALTH_REQUIRED);
}

static void test_revocation(void)
{
	const struct slot empty = { .state = SLOT_EMPTY };

	for (enum slot_state state = SLOT_EMPTY; state < SLOT_STATE_COUNT; state++)
		for (uint64_t version = 0; version < 4; version++) {
			struct slot_table table = table_good_and(SLOT_GOOD, 0);
			struct slot before = { .state = state, .security_version = version };

			table.slots[SLOT_B].security_version = 3;
			table.slots[SLOT_A] = before;
			slot_revoke(&table, SLOT_B, 2);
			if (state != SLOT_EMPTY && version < 2) {
				before.state = SLOT_BAD;
				before.fault = FAULT_SLOT_REVOKED;
			}
			expect(memcmp(&table.slots[SLOT_A], &before, sizeof before) == 0);
			expect(table.slots[SLOT_B].state == SLOT_GOOD);
			expect(slot_is_below(&table.slots[SLOT_A], 2) ==
			       (state != SLOT_EMPTY && version < 2));
		}
	expect(!slot_is_below(&empty, 9));
}

static void test_staging_rules(void)
{
	struct slot_table table = table_good_and(SLOT_TRYING, 2);

	expect(slot_check_stage(&table, SLOT_A, SLOT_A, true) == FAULT_SLOT_RUNNING);
	expect(slot_check_stage(&table, SLOT_A, SLOT_B, false) == FAULT_OK);
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, false) == FAULT_SLOT_UNCOMMITTED);
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, true) == FAULT_OK);
	expect(slot_check_stage(&table, SLOT_NONE, SLOT_A, false) == FAULT_OK);
}

/* A good slot that boots and boots without a commit may be on its way to the other one. */
static void test_staging_before_commit(void)
{
	struct slot_table table = table_good_and(SLOT_GOOD, 0);

	table.slots[SLOT_B].failures = 1;
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, false) == FAULT_SLOT_UNCOMMITTED);
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, true) == FAULT_OK);
	table.slots[SLOT_A].state = SLOT_BAD; /* no fallback: nothing is lost */
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, false) == FAULT_OK);

	table = table_good_and(SLOT_GOOD, 0);
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, false) == FAULT_OK);
	table.recovered = true; /* nobody knows whether B was ever committed */
	expect(slot_check_stage(&table, SLOT_B, SLOT_A, false) == FAULT_SLOT_UNCOMMITTED);
}

/* A release on trial is no fallback: if it fails, nothing would be left. */
static void test_last_good_stays(void)
{
	struct slot_table table = table_good_and(SLOT_TRYING, 3);

	expect(slot_mark_bad(&table, SLOT_A, FAULT_MARKED_BAD) == FAULT_SLOT_ONLY_ONE);
	expect(table.slots[SLOT_A].state == SLOT_GOOD);
	expect(slot_mark_bad(&table, SLOT_B, FAULT_MARKED_BAD) == FAULT_OK);
}

static void test_recovery(void)
{
	struct slot_evidence evidence[SLOT_COUNT] = {
		{ .complete = true, .staged_sequence = 9, .security_version = 3 },
		{ .complete = true, .staged_sequence = 4, .security_version = 2 },
	};
	struct slot_table table = slot_recover(evidence);

	expect(table.recovered && table.last_fault == FAULT_BOOTREC_LOST);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_B);
	expect(slot_choose(&table, SLOT_B).index == SLOT_A);

	evidence[SLOT_B].complete = false;
	table = slot_recover(evidence);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_A);
	expect(table.slots[SLOT_B].state == SLOT_EMPTY);

	evidence[SLOT_A].complete = false;
	table = slot_recover(evidence);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_NONE);

	evidence[SLOT_A].complete = evidence[SLOT_B].complete = true;
	evidence[SLOT_B].staged_sequence = 9;
	table = slot_recover(evidence);
	expect(slot_choose(&table, SLOT_NONE).index == SLOT_A);
	expect(table.slots[SLOT_A].priority == 2 && table.slots[SLOT_B].priority == 1);
}

static const struct tap_case CASES[] = {
	{ "every table", test_every_table },
	{ "a trial that fails", test_trial_that_fails },
	{ "a good slot that rots", test_good_slot_that_rots },
	{ "both slots rot", test_both_rot },
	{ "a last try is all that is left", test_last_try_is_all },
	{ "a kernel that cannot be started", test_start_failure },
	{ "steps", test_steps },
	{ "a revocation", test_revocation },
	{ "staging rules", test_staging_rules },
	{ "staging before the commit", test_staging_before_commit },
	{ "the last good slot stays", test_last_good_stays },
	{ "recovery from headers", test_recovery },
};
TAP_MAIN(CASES)

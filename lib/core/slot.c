/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include "bytes.h"
#include "check.h"

static bool slot_is_on_trial(const struct slot *slot)
{
	return slot->state == SLOT_TRYING && slot->tries_left > 0;
}

static bool slot_is_healthy(const struct slot *slot)
{
	return slot_is_on_trial(slot) ||
	       (slot->state == SLOT_GOOD && slot->failures < SLOT_FAILURES_LIMIT);
}

bool slot_is_bootable(const struct slot *slot)
{
	return slot_is_on_trial(slot) || slot->state == SLOT_GOOD;
}

static bool slot_is_valid(const struct slot *slot)
{
	return slot->state < SLOT_STATE_COUNT && slot->priority <= SLOT_PRIORITY_MAX &&
	       slot->tries_left <= SLOT_TRIES_MAX && slot->failures <= SLOT_FAILURES_MAX;
}

bool slot_table_is_valid(const struct slot_table *table)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (!slot_is_valid(&table->slots[i]))
			return false;
	return table->once <= SLOT_NONE && table->last <= SLOT_NONE;
}

/* Higher is better, 0 is not bootable. Healthy slots go by priority; of slots that keep failing,
 * fewer failures go first, so that two of them take turns instead of one being tried for ever. */
static unsigned slot_rank(const struct slot *slot)
{
	if (!slot_is_bootable(slot))
		return 0;
	if (slot_is_healthy(slot))
		return 1000 + slot->priority;
	return 100 + 10u * (SLOT_FAILURES_MAX - slot->failures) + slot->priority;
}

static unsigned slot_best(const struct slot_table *table, unsigned excluded)
{
	unsigned best = SLOT_NONE;
	unsigned best_rank = 0;

	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const unsigned rank = i == excluded ? 0 : slot_rank(&table->slots[i]);

		if (rank > best_rank) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

/* Whether another slot was meant to be booted before this one. */
static bool slot_is_passed_over(const struct slot_table *table, unsigned index)
{
	const struct slot *other = &table->slots[1 - index];

	return other->state != SLOT_EMPTY && other->state != SLOT_STAGED &&
	       other->priority > table->slots[index].priority;
}

static enum slot_reason slot_explain(const struct slot_table *table, unsigned index,
				     unsigned excluded)
{
	const struct slot *slot = &table->slots[index];

	if (!slot_is_healthy(slot))
		return SLOT_REASON_LAST_RESORT;
	if (slot->state == SLOT_TRYING)
		return SLOT_REASON_TRIAL;
	if (excluded != SLOT_NONE || slot_is_passed_over(table, index))
		return SLOT_REASON_FALLBACK;
	return SLOT_REASON_PREFERRED;
}

static bool slot_is_spent(const struct slot *slot)
{
	return slot->state == SLOT_TRYING && slot->tries_left == 0;
}

/* Trials that ended without a commit are over; but while there is no good slot, a release that did
 * not prove itself is better than none. Not for ever, or the firmware's next option never got its
 * turn. */
static void slot_expire(struct slot_table *table, unsigned index)
{
	struct slot *slot = &table->slots[index];

	if (!slot_is_spent(slot) ||
	    (table->slots[1 - index].state != SLOT_GOOD && slot->failures < SLOT_FAILURES_MAX))
		return;
	slot->state = SLOT_BAD;
	if (slot->fault == FAULT_OK)
		slot->fault = FAULT_SLOT_TRIES_SPENT;
}

static void slot_spend(struct slot *slot)
{
	if (slot_is_on_trial(slot))
		slot->tries_left--;
	else if (slot->failures < SLOT_FAILURES_MAX)
		slot->failures++;
}

static bool slot_failed_less(const struct slot_table *table, unsigned index, unsigned than)
{
	const struct slot *slots = table->slots;

	return slots[index].failures < slots[than].failures ||
	       (slots[index].failures == slots[than].failures && table->last == than);
}

/* Nothing is bootable: of the trials that are not over although their tries are, the one that
 * failed less, so that two of them take turns. */
static unsigned slot_best_unproven(const struct slot_table *table, unsigned excluded)
{
	unsigned best = SLOT_NONE;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (i != excluded && slot_is_spent(&table->slots[i]) &&
		    (best == SLOT_NONE || slot_failed_less(table, i, best)))
			best = i;
	return best;
}

struct slot_choice slot_choose(const struct slot_table *table, unsigned excluded)
{
	struct slot_choice choice = { .index = SLOT_NONE, .table = *table };
	const unsigned once = table->once;

	check(slot_table_is_valid(table));
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		slot_expire(&choice.table, i);
	choice.table.once = SLOT_NONE;

	if (once != SLOT_NONE && once != excluded && slot_is_bootable(&choice.table.slots[once])) {
		choice.index = once;
		choice.reason = SLOT_REASON_ONCE;
	} else {
		choice.index = slot_best(&choice.table, excluded);
		if (choice.index == SLOT_NONE)
			choice.index = slot_best_unproven(&choice.table, excluded);
		if (choice.index != SLOT_NONE)
			choice.reason = slot_explain(&choice.table, choice.index, excluded);
	}
	if (choice.index != SLOT_NONE) {
		slot_spend(&choice.table.slots[choice.index]);
		choice.table.last = (uint8_t)choice.index;
	}
	check(slot_table_is_valid(&choice.table));
	return choice;
}

struct slot_choice slot_choose_unstored(const struct slot_table *table, unsigned excluded)
{
	struct slot_table only_good = *table;
	struct slot_choice choice;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (only_good.slots[i].state != SLOT_GOOD)
			only_good.slots[i].state = SLOT_BAD;
	choice = slot_choose(&only_good, excluded);
	choice.table = *table;
	return choice;
}

static bool evidence_is_older(const struct slot_evidence *a, const struct slot_evidence *b)
{
	return a->complete && (!b->complete || a->staged_sequence <= b->staged_sequence);
}

struct slot_table slot_recover(const struct slot_evidence evidence[static SLOT_COUNT])
{
	struct slot_table table = {
		.once = SLOT_NONE,
		.last = SLOT_NONE,
		.last_fault = FAULT_BOOTREC_LOST,
		.recovered = true,
	};

	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct slot *slot = &table.slots[i];

		if (!evidence[i].complete)
			continue;
		slot->state = SLOT_GOOD;
		slot->priority = evidence_is_older(&evidence[i], &evidence[1 - i]) ? 2 : 1;
		slot->security_version = evidence[i].security_version;
		bytes_copy(slot->root_hash, evidence[i].root_hash, SLOT_HASH_SIZE);
	}
	if (table.slots[SLOT_A].priority == table.slots[SLOT_B].priority &&
	    table.slots[SLOT_A].state == SLOT_GOOD)
		table.slots[SLOT_B].priority = 1;
	return table;
}

bool slot_reboot_helps(const struct slot_table *table, unsigned running)
{
	check(running < SLOT_COUNT);
	if (slot_is_spent(&table->slots[running]))
		return slot_choose(table, SLOT_NONE).index == 1 - running;
	if (table->slots[running].state == SLOT_TRYING)
		return slot_choose(table, SLOT_NONE).index != SLOT_NONE;
	return slot_is_healthy(&table->slots[1 - running]);
}

/* Every boot of a good slot counts as a failed one until it is committed. */
bool slot_is_committed(const struct slot_table *table, unsigned index)
{
	const struct slot *slot = &table->slots[index];

	check(index < SLOT_COUNT);
	return slot->state == SLOT_GOOD && slot->failures == 0 && !table->recovered;
}

fault slot_check_stage(const struct slot_table *table, unsigned running, unsigned target,
		       bool forced)
{
	check(target < SLOT_COUNT);
	if (target == running)
		return FAULT_SLOT_RUNNING;
	if (forced || running == SLOT_NONE || slot_is_committed(table, running))
		return FAULT_OK;
	if (table->slots[running].state == SLOT_GOOD && !slot_is_bootable(&table->slots[target]))
		return FAULT_OK; /* there is no fallback to be lost */
	return FAULT_SLOT_UNCOMMITTED;
}

fault slot_stage_begin(struct slot_table *table, unsigned index)
{
	check(index < SLOT_COUNT);
	table->slots[index] = (struct slot){ .state = SLOT_EMPTY };
	if (table->once == index)
		table->once = SLOT_NONE;
	return FAULT_OK;
}

fault slot_stage_end(struct slot_table *table, unsigned index,
		     const uint8_t root_hash[static SLOT_HASH_SIZE], uint64_t security_version)
{
	struct slot *slot = &table->slots[index];

	check(index < SLOT_COUNT);
	if (slot->state != SLOT_EMPTY)
		return FAULT_SLOT_NOT_EMPTY;
	slot->state = SLOT_STAGED;
	slot->security_version = security_version;
	bytes_copy(slot->root_hash, root_hash, SLOT_HASH_SIZE);
	return FAULT_OK;
}

fault slot_activate(struct slot_table *table, unsigned index, unsigned tries)
{
	struct slot *slot = &table->slots[index];
	struct slot *other = &table->slots[1 - index];

	check(index < SLOT_COUNT);
	if (slot->state == SLOT_EMPTY)
		return FAULT_SLOT_EMPTY;
	if (slot->state == SLOT_BAD)
		return FAULT_SLOT_BAD;
	if (tries == 0 || tries > SLOT_TRIES_MAX)
		return FAULT_SLOT_TRIES_RANGE;
	if (slot->state != SLOT_GOOD) {
		slot->state = SLOT_TRYING;
		slot->tries_left = (uint8_t)tries;
	}
	slot->failures = 0;
	slot->fault = FAULT_OK;
	slot->priority = 2;
	other->priority = other->state == SLOT_EMPTY ? 0 : 1;
	table->once = SLOT_NONE;
	return FAULT_OK;
}

fault slot_commit(struct slot_table *table, unsigned index)
{
	struct slot *slot = &table->slots[index];

	check(index < SLOT_COUNT);
	if (slot->state == SLOT_EMPTY)
		return FAULT_SLOT_EMPTY;
	slot->state = SLOT_GOOD;
	slot->tries_left = 0;
	slot->failures = 0;
	slot->fault = FAULT_OK;
	table->floor_request = slot->security_version;
	table->recovered = false;
	return FAULT_OK;
}

bool slot_is_below(const struct slot *slot, uint64_t floor)
{
	return slot->state != SLOT_EMPTY && slot->security_version < floor;
}

void slot_revoke(struct slot_table *table, unsigned index, uint64_t below)
{
	struct slot *other = &table->slots[1 - index];

	check(index < SLOT_COUNT);
	if (!slot_is_below(other, below))
		return;
	other->state = SLOT_BAD;
	other->tries_left = 0;
	other->fault = FAULT_SLOT_REVOKED;
}

fault slot_mark_bad(struct slot_table *table, unsigned index, fault why)
{
	struct slot *slot = &table->slots[index];

	check(index < SLOT_COUNT);
	if (slot->state == SLOT_EMPTY)
		return FAULT_SLOT_EMPTY;
	/* A trial may yet fail: only a good slot may be all that is left. */
	if (table->slots[1 - index].state != SLOT_GOOD &&
	    (slot_is_bootable(slot) || slot_is_spent(slot)))
		return FAULT_SLOT_ONLY_ONE;
	slot->state = SLOT_BAD;
	slot->tries_left = 0;
	slot->fault = why;
	return FAULT_OK;
}

fault slot_note_fault(struct slot_table *table, unsigned index, fault why)
{
	check(index < SLOT_COUNT);
	if (table->slots[index].state == SLOT_EMPTY)
		return FAULT_SLOT_EMPTY;
	table->slots[index].fault = why;
	return FAULT_OK;
}

void slot_start_failed(struct slot_table *table, unsigned index, fault why)
{
	struct slot *slot = &table->slots[index];

	check(index < SLOT_COUNT);
	slot->fault = why;
	table->last_fault = why;
	if (slot->state == SLOT_TRYING) {
		slot->state = SLOT_BAD;
		slot->tries_left = 0;
	}
}

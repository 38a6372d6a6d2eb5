/* SPDX-License-Identifier: MIT */
/* Every state of the slot is walked; the oracle is a table of the few that are no longer open. */
#include "pending.h"

#include <string.h>

#include "tap.h"
#include "tempdir.h"

static enum pending_end wanted_end(const struct pending_slot *slot, gboolean same)
{
	if (!same || slot->state == SLOT_EMPTY)
		return PENDING_DROPPED;
	switch (slot->state) {
	case SLOT_GOOD:
		if (!slot->running)
			return PENDING_COMMITTED;
		return slot->committed ? PENDING_COMMITTED : PENDING_OPEN;
	case SLOT_BAD: /* marked so by hand while it runs: the next boot will tell */
		return slot->running ? PENDING_OPEN : PENDING_ROLLED_BACK;
	case SLOT_STAGED:
	case SLOT_TRYING:
	case SLOT_EMPTY:
	case SLOT_STATE_COUNT:
		break;
	}
	return PENDING_OPEN;
}

static void test_judge(void)
{
	static const char *const VERSIONS[] = { NULL, "2", "3" };
	const struct pending pending = { .version = (char *)"2" };
	const struct pending none = { .version = NULL };

	for (unsigned i = 0; i < SLOT_STATE_COUNT * 3 * 2 * 2; i++) {
		const struct pending_slot slot = {
			.state = (enum slot_state)(i % SLOT_STATE_COUNT),
			.version = VERSIONS[i / SLOT_STATE_COUNT % 3],
			.running = i / SLOT_STATE_COUNT / 3 % 2,
			.committed = i / SLOT_STATE_COUNT / 6 % 2,
		};
		const gboolean same = g_strcmp0(slot.version, "2") == 0;

		expect(pending_judge(&pending, &slot) == wanted_end(&slot, same));
		expect(pending_judge(&none, &slot) == PENDING_NONE);
	}
}

static void test_file(void)
{
	char *folder = tempdir_new();
	const struct pending first = { (char *)"2", (char *)"1", SLOT_B, 77, TRUE };
	const struct pending second = { (char *)"3", NULL, SLOT_A, 78, FALSE };
	const struct pending none = { .version = NULL };
	g_auto(Pending) read = pending_load(folder);

	expect(read.version == NULL);
	expect(pending_save(folder, &first, NULL));
	read = pending_load(folder);
	expect(g_strcmp0(read.version, "2") == 0 && g_strcmp0(read.previous, "1") == 0 &&
	       read.slot == SLOT_B && read.time_us == 77 && read.rollback);
	pending_clear(&read);
	expect(pending_save(folder, &second, NULL));
	read = pending_load(folder);
	expect(g_strcmp0(read.version, "3") == 0 && read.previous == NULL && read.slot == SLOT_A);
	expect(!read.rollback);
	pending_clear(&read);
	expect(pending_save(folder, &none, NULL) && pending_save(folder, &none, NULL));
	read = pending_load(folder);
	expect(read.version == NULL);
	tempdir_free(folder);
}

static void test_damaged(void)
{
	static const char *const TEXTS[] = {
		"",
		"[]",
		"{}",
		"{\"version\":\"2\"}",
		"{\"version\":2,\"slot\":0,\"time_us\":1}",
		"{\"version\":\"2\",\"slot\":2,\"time_us\":1}",
	};
	char *folder = tempdir_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		g_auto(Pending) read = { .version = NULL };

		expect(tempdir_write(folder, "pending.json", TEXTS[i], 0644));
		read = pending_load(folder);
		expect(read.version == NULL);
	}
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "what became of it", test_judge },
	{ "the file", test_file },
	{ "a damaged file", test_damaged },
};
TAP_MAIN(CASES)

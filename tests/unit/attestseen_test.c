/* SPDX-License-Identifier: MIT */
/* All pairs of small clocks are walked; the oracle says the rule in other words. */
#include "attestseen.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

static struct attestseen clock_of(unsigned number)
{
	return (struct attestseen){ number % 3, number / 3 % 3, number / 9 % 3, number >= 27 };
}

/* Counters are read as one number, resets first; the clock may be lower only behind a reset or a
 * resume, and only if it says so itself. */
static gboolean may_follow(const struct attestseen *last, const struct attestseen *now)
{
	const uint32_t before = last->reset_count * 10 + last->restart_count;
	const uint32_t after = now->reset_count * 10 + now->restart_count;

	if (after < before)
		return FALSE;
	return now->clock_ms >= last->clock_ms || (after > before && !now->safe);
}

static void test_judge(void)
{
	for (unsigned i = 0; i < 54; i++)
		for (unsigned j = 0; j < 54; j++) {
			const struct attestseen last = clock_of(i), now = clock_of(j);

			expect((attestseen_judge(&last, &now) == NULL) == may_follow(&last, &now));
		}
}

static void test_file(void)
{
	static const char PRINT[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	const struct attestseen seen = { INT64_MAX, UINT32_MAX, 7, TRUE };
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "seen", NULL);
	g_autoptr(GHashTable) table = attestseen_load(path, NULL);
	g_autoptr(GHashTable) again = NULL;
	const struct attestseen *found;

	expect(table != NULL && g_hash_table_size(table) == 0);
	attestseen_note(table, PRINT, &seen);
	expect(attestseen_save(path, table, NULL));
	again = attestseen_load(path, NULL);
	found = again != NULL ? g_hash_table_lookup(again, PRINT) : NULL;
	expect(found != NULL && found->clock_ms == INT64_MAX && found->reset_count == UINT32_MAX &&
	       found->restart_count == 7);
	tempdir_free(folder);
}

static void test_refused(void)
{
	static const char *const TEXTS[] = {
		"",
		"[]",
		"{\"short\":{\"clock_ms\":1,\"reset_count\":1,\"restart_count\":1}}",
		"{\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\":{}}",
		"{\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\":"
		"{\"clock_ms\":-1,\"reset_count\":1,\"restart_count\":1}}",
		"{\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\":"
		"{\"clock_ms\":1,\"reset_count\":4294967296,\"restart_count\":1}}",
	};
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "seen", NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GHashTable) table = NULL;

		expect(tempdir_write(folder, "seen", TEXTS[i], 0644));
		table = attestseen_load(path, &error);
		expect(table == NULL && failure_code(error) == FAULT_STATE_FILE);
	}
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "what may follow", test_judge },
	{ "the file", test_file },
	{ "what is refused", test_refused },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "rebootcount.h"

#include <string.h>

#include "tap.h"
#include "tempdir.h"

static const gint64 HOUR = (gint64)3600 * G_USEC_PER_SEC;
static const gint64 NOW = (gint64)1700000000 * G_USEC_PER_SEC;

static unsigned count_of(const char *folder, gint64 now_us)
{
	unsigned count = 999;

	return rebootcount_get(folder, now_us, &count) ? count : 1000;
}

static void test_day(void)
{
	char *folder = tempdir_new();

	expect(count_of(folder, NOW) == 0);
	for (int i = 0; i < 5; i++)
		expect(rebootcount_note(folder, NOW + i * HOUR, NULL));
	expect(count_of(folder, NOW + 4 * HOUR) == 5);
	expect(count_of(folder, NOW + 24 * HOUR - 1) == 5);
	expect(count_of(folder, NOW + 24 * HOUR) == 4);
	expect(count_of(folder, NOW + 28 * HOUR) == 0);
	/* A clock that was set back, as by an empty battery, grants nothing. */
	expect(count_of(folder, 0) == 5);
	tempdir_free(folder);
}

static void test_bounded(void)
{
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "health-reboots.json", NULL);
	g_autofree char *text = NULL;

	for (int i = 0; i < REBOOTCOUNT_MAX + 20; i++)
		expect(rebootcount_note(folder, NOW + i, NULL));
	expect(count_of(folder, NOW + 1000) == REBOOTCOUNT_MAX);
	expect(g_file_get_contents(path, &text, NULL, NULL) && strlen(text) < 4096);
	tempdir_free(folder);
}

/* Damaged is not zero: unknown at first, then full for a day. */
static void test_damaged(void)
{
	static const char *const TEXTS[] = {
		"", "{", "[]", "{\"format\":1}", "{\"times_us\":[\"a\"]}", "{\"times_us\":[1.5]}"
	};

	for (size_t i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		char *folder = tempdir_new();

		expect(tempdir_write(folder, "health-reboots.json", TEXTS[i], 0644));
		expect(count_of(folder, NOW) == 1000);
		expect(count_of(folder, NOW) == REBOOTCOUNT_MAX);
		expect(count_of(folder, NOW + 25 * HOUR) == 0);
		tempdir_free(folder);
	}
}

/* Noted over a damaged file, it is no less. */
static void test_note_damaged(void)
{
	char *folder = tempdir_new();

	expect(tempdir_write(folder, "health-reboots.json", "{", 0644));
	expect(rebootcount_note(folder, NOW, NULL));
	expect(count_of(folder, NOW) == REBOOTCOUNT_MAX);
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "a day", test_day },
	{ "bounded", test_bounded },
	{ "damaged", test_damaged },
	{ "noted over a damaged one", test_note_damaged },
};
TAP_MAIN(CASES)

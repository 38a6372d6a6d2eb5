/* SPDX-License-Identifier: MIT */
/* The file, there and back; and what is left of a channel. */
#include "advice.h"

#include <string.h>

#include "tap.h"
#include "tempdir.h"

static void test_file(void)
{
	static const struct advice ALL[] = {
		{ ADVICE_NONE, NULL, NULL },
		{ ADVICE_TAKE, (char *)"2.0", NULL },
		{ ADVICE_WAIT, NULL, (char *)"error-maxUpdatesLimitsReached" },
	};
	char *folder = tempdir_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(ALL); i++) {
		g_auto(Advice) read = { .kind = ADVICE_NONE };

		expect(advice_save(folder, &ALL[i], NULL));
		read = advice_load(folder);
		expect(read.kind == ALL[i].kind && g_strcmp0(read.version, ALL[i].version) == 0 &&
		       g_strcmp0(read.words, ALL[i].words) == 0);
	}
	tempdir_free(folder);
}

static void test_damaged(void)
{
	static const char *const TEXTS[] = { "", "[]", "{}", "{\"advice\":\"take\"}",
					     "{\"advice\":\"take\",\"version\":\"../2\"}" };
	char *folder = tempdir_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		g_auto(Advice) read = { .kind = ADVICE_WAIT };

		expect(tempdir_write(folder, "advice.json", TEXTS[i], 0644));
		read = advice_load(folder);
		expect(read.kind == ADVICE_NONE && read.version == NULL);
	}
	tempdir_free(folder);
}

/* Releases 1 to 5; 2 and 4 are barriers. */
static struct channel *channel_of_five(void)
{
	struct channel *channel = g_new0(struct channel, 1);

	channel->n_releases = 5;
	channel->releases = g_new0(struct channel_release, 5);
	for (unsigned i = 0; i < 5; i++) {
		channel->releases[i].version = g_strdup_printf("%u", i + 1);
		channel->releases[i].barrier = i % 2 == 1;
	}
	return channel;
}

static char *left_of(enum advice_kind kind, const char *version)
{
	const struct advice advice = { kind, (char *)version, NULL };
	g_autoptr(Channel) channel = channel_of_five();
	GString *left = g_string_new(NULL);

	advice_apply(&advice, channel);
	for (unsigned i = 0; i < channel->n_releases; i++)
		g_string_append(left, channel->releases[i].version);
	return g_string_free(left, FALSE);
}

static void test_apply(void)
{
	static const char *const LEFT[] = { "", "1", "2", "23", "24", "245", "24" };

	for (unsigned i = 0; i < G_N_ELEMENTS(LEFT); i++) {
		g_autofree char *version = g_strdup_printf("%u", i);
		g_autofree char *left = left_of(ADVICE_TAKE, version);
		g_autofree char *all = left_of(ADVICE_WAIT, version);

		expect(strcmp(left, LEFT[i]) == 0);
		expect(strcmp(all, "12345") == 0);
	}
}

static const struct tap_case CASES[] = {
	{ "the file", test_file },
	{ "a damaged file", test_damaged },
	{ "what is left of a channel", test_apply },
};
TAP_MAIN(CASES)

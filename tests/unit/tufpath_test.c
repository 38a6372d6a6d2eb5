/* SPDX-License-Identifier: MIT */
#include "tufpath.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

static void test_targets(void)
{
	static const char *const GOOD[] = {
		"a",       "a/b",     "bundles/demo/x86_64/4.0~rc1/full.azb", "...", ".a",
		"a..b/c.", "\xc3\xa9"
	};
	static const char *const BAD[] = { "",     "/",     "/a",   "a/",     "a//b",  ".",
					   "..",   "../a",  "a/..", "a/../b", "a/./b", "a\\b",
					   "a\nb", "a\x7f", "\xff", "a/\x01", "\xc3" };
	g_autofree char *longest = g_strnfill(TUFPATH_PART_MAX, 'a');
	g_autofree char *longer = g_strnfill(TUFPATH_PART_MAX + 1, 'a');
	g_autofree char *deep = g_strnfill(TUFPATH_TARGET_MAX + 1, 'a');

	for (unsigned i = 0; i < G_N_ELEMENTS(GOOD); i++)
		expect(tufpath_target_check(GOOD[i], NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++) {
		g_autoptr(GError) error = NULL;

		expect(!tufpath_target_check(BAD[i], &error));
		expect(failure_code(error) == FAULT_TUF_PATH);
	}
	for (unsigned i = 1; i < TUFPATH_TARGET_MAX; i += 2)
		deep[i] = '/';
	expect(tufpath_target_check(longest, NULL));
	expect(!tufpath_target_check(longer, NULL));
	expect(!tufpath_target_check(deep, NULL));
	deep[TUFPATH_TARGET_MAX - 1] = '\0';
	expect(tufpath_target_check(deep, NULL));
}

static void test_roles(void)
{
	static const char *const BAD[] = { "",        "root",    "timestamp", "snapshot",
					   "targets", "a\x1b[m", "a\n" };
	g_autofree char *longer = g_strnfill(TUFPATH_ROLE_MAX + 1, 'a');

	for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++) {
		g_autoptr(GError) error = NULL;

		expect(!tufpath_role_check(BAD[i], &error));
		expect(failure_code(error) == FAULT_TUF_PATH);
	}
	expect(!tufpath_role_check(longer, NULL));
	expect(tufpath_role_check("../..", NULL));
	expect(tufpath_role_check("Root", NULL));
}

static void expect_text(char *text, const char *expected)
{
	if (g_strcmp0(text, expected) != 0)
		printf("# %s, not %s\n", text, expected);
	expect(g_strcmp0(text, expected) == 0);
	g_free(text);
}

static void test_files(void)
{
	expect_text(tufpath_metadata_file("channels", 7), "7.channels.json");
	expect_text(tufpath_metadata_file("timestamp", 0), "timestamp.json");
	expect_text(tufpath_metadata_file("../a b", 1), "1...%2Fa%20b.json");
	expect_text(tufpath_metadata_file("?#%", 1), "1.%3F%23%25.json");
	expect_text(tufpath_target_file("a/b/full.azb", "00ff"), "a/b/00ff.full.azb");
	expect_text(tufpath_target_file("full.azb", "00ff"), "00ff.full.azb");
	expect_text(tufpath_target_file("a b/c?d", NULL), "a%20b/c%3Fd");
	expect_text(tufpath_target_file("\xc3\xa9/+", "0"), "%C3%A9/0.%2B");
}

static void test_match(void)
{
	static const struct {
		const char *pattern;
		const char *name;
		gboolean matches;
	} ROWS[] = {
		{ "", "", TRUE },
		{ "", "a", FALSE },
		{ "a", "a", TRUE },
		{ "a", "A", FALSE },
		{ "a", "ab", FALSE },
		{ "*", "", TRUE },
		{ "*", "abc", TRUE },
		{ "*", "a/b", FALSE },
		{ "*/*", "a/b", TRUE },
		{ "*/*", "a/b/c", FALSE },
		{ "channels/*/*/*", "channels/demo/x86_64/stable.json", TRUE },
		{ "channels/*/*/*", "channels/demo/x86_64/a/b", FALSE },
		{ "channels/*/*/*", "channels/demo/stable.json", FALSE },
		{ "channels/*/*/*", "bundles/demo/x86_64/stable.json", FALSE },
		{ "*.zip", "a.zip", TRUE },
		{ "*.zip", ".zip", TRUE },
		{ "*.zip", "a.zip.b", FALSE },
		{ "*.zip", "b/a.zip", FALSE },
		{ "a*b*c", "abbbc", TRUE },
		{ "a*b*c", "axxbyyc", TRUE },
		{ "a*b*c", "axxcyyb", FALSE },
		{ "**", "abc", TRUE },
		{ "**", "a/b", FALSE },
		{ "?", "a", TRUE },
		{ "?", "", FALSE },
		{ "?", "/", FALSE },
		{ "?", "\xc3\xa9", TRUE },
		{ "??", "\xc3\xa9", FALSE },
		{ "a?c", "a/c", FALSE },
		{ "foo-?.tgz", "foo-1.tgz", TRUE },
		{ "foo-?.tgz", "foo-alpha.tgz", FALSE },
		{ "[ab]", "a", FALSE },
		{ "[ab]", "[ab]", TRUE },
		{ "a\\*", "a*", FALSE },
		{ "/*", "/a", TRUE },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac",
		  FALSE },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		if (tufpath_match(ROWS[i].pattern, ROWS[i].name) != ROWS[i].matches)
			printf("# %s and %s\n", ROWS[i].pattern, ROWS[i].name);
		expect(tufpath_match(ROWS[i].pattern, ROWS[i].name) == ROWS[i].matches);
	}
}

/* The rule in other words: a star is nothing, or one character more. */
static gboolean slow_match(const char *pattern, const char *name)
{
	if (*pattern == '\0')
		return *name == '\0';
	if (*pattern == '*')
		return slow_match(pattern + 1, name) ||
		       (*name != '\0' && *name != '/' && slow_match(pattern, name + 1));
	if (*name == '\0')
		return FALSE;
	return (*pattern == '?' ? *name != '/' : *pattern == *name) &&
	       slow_match(pattern + 1, name + 1);
}

enum { WORD_LENGTH = 5 };

/* All words of up to so many letters of an alphabet, one by one; FALSE at the end. */
static gboolean word_next(char *word, const char *alphabet)
{
	for (unsigned i = 0; i < WORD_LENGTH; i++) {
		const char *at = word[i] != '\0' ? strchr(alphabet, word[i]) + 1 : alphabet;

		if (*at != '\0') {
			word[i] = *at;
			return TRUE;
		}
		word[i] = alphabet[0];
	}
	return FALSE;
}

static void test_match_all(void)
{
	char pattern[WORD_LENGTH + 1] = "";
	unsigned pairs = 0;
	gboolean same = TRUE;

	do {
		char name[WORD_LENGTH + 1] = "";

		do {
			same = same && tufpath_match(pattern, name) == slow_match(pattern, name);
			pairs++;
		} while (word_next(name, "ab/"));
	} while (word_next(pattern, "a/*?"));
	expect(same);
	expect(pairs == 364 * 1365);
}

static const struct tap_case CASES[] = {
	{ "names of targets", test_targets },
	{ "names of roles", test_roles },
	{ "names of files", test_files },
	{ "patterns", test_match },
	{ "all short patterns and names", test_match_all },
};

TAP_MAIN(CASES)

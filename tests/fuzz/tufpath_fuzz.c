/* SPDX-License-Identifier: MIT */
/* Names in a repository: two words of a line. Names that are taken stay inside of their folder,
 * what is encoded comes back, and patterns match as a plain recursion does. */
#include "tufpath.h"

#include <string.h>

#include "fuzz.h"

enum { MATCH_MAX = 24 }; /* the recursion takes long */

static const char *behind_character(const char *at)
{
	for (at++; (*at & '\xc0') == '\x80'; at++)
		;
	return at;
}

static gboolean other_match(const char *pattern, const char *name)
{
	while (pattern[0] == '*' && pattern[1] == '*')
		pattern++; /* the same, and the recursion would try all ways to share */
	if (*pattern == '\0')
		return *name == '\0';
	if (*pattern == '*' && other_match(pattern + 1, name))
		return TRUE;
	if (*name == '\0')
		return FALSE;
	if (*pattern == '*')
		return *name != '/' && other_match(pattern, behind_character(name));
	if (*pattern == '?')
		return *name != '/' && other_match(pattern + 1, behind_character(name));
	return *pattern == *name && other_match(pattern + 1, name + 1);
}

static void encoded_check(const char *text)
{
	g_autofree char *encoded = tufpath_encode(text);
	g_autofree char *back = g_uri_unescape_string(encoded, NULL);

	promise(strspn(encoded, G_CSET_DIGITS G_CSET_A_2_Z G_CSET_a_2_z "-._~%") ==
		strlen(encoded));
	promise(back != NULL ? strcmp(back, text) == 0 : !g_utf8_validate(text, -1, NULL));
}

/* The path that a name becomes, taken apart by GLib, goes neither up nor elsewhere. */
static void target_check(const char *name)
{
	g_autofree char *file = NULL;
	g_autofree char *path = NULL;

	if (!tufpath_target_check(name, NULL))
		return;
	file = tufpath_target_file(name, NULL);
	path = g_canonicalize_filename(file, "/folder");
	promise(g_str_has_prefix(path, "/folder/") && strlen(path) == 8 + strlen(file));
	promise(strlen(name) <= TUFPATH_TARGET_MAX && tufpath_is_printable(name));
}

static void role_check(const char *name)
{
	g_autofree char *file = NULL;

	if (!tufpath_role_check(name, NULL))
		return;
	file = tufpath_metadata_file(name, 7);
	promise(strchr(file, '/') == NULL && g_str_has_prefix(file, "7.") &&
		g_str_has_suffix(file, ".json") && strlen(file) <= 255);
	promise(strcmp(file, "7.root.json") != 0 && strcmp(file, "7.targets.json") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *text = fuzz_text(bytes, size_bytes);
	g_auto(GStrv) words = g_strsplit(text, " ", 2);

	for (char **word = words; *word != NULL; word++) {
		encoded_check(*word);
		target_check(*word);
		role_check(*word);
	}
	if (g_strv_length(words) == 2 && strlen(words[0]) <= MATCH_MAX &&
	    strlen(words[1]) <= MATCH_MAX && g_utf8_validate(text, -1, NULL))
		promise(tufpath_match(words[0], words[1]) == other_match(words[0], words[1]));
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"channels/*/*/*.json channels/demo/x/s.json",
		"a?c*\xc3\xa9* abc\xc3\xa9\xc3\xa9",
		"../x .",
		"*a*b*?/ aabb/",
		"bundles/full.azb \xc3\xa9/%",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}

/* SPDX-License-Identifier: MIT */
#include "modulearg.h"

#include <string.h>

#include "tap.h"

static void test_collect(void)
{
	static const struct {
		const char *cmdline, *arguments;
	} ROWS[] = {
		{ "", "" },
		{ "dm_verity.require_signatures=1", "require_signatures=1" },
		{ "quiet dm-verity.require_signatures=1 ro", "require_signatures=1" },
		{ "dm_verity.a=1 x dm-verity.b dm_verity.c=\"2 3\"\n", "a=1 b c=\"2 3\"" },
		{ "dm_verity.a=1 dm_verity.a=2", "a=1 a=2" },
		{ "dm_verity.a=x.y=z", "a=x.y=z" },
		{ "dm_verity. dm_verity dm_verity=1 dm_verityx.a=1 xdm_verity.a=1", "" },
		{ "dm.verity.a=1 dm_verit.y=1 other.dm_verity.a=1", "" },
		{ "x=\"dm_verity.a=1 dm_verity.b=1\"", "" },
		{ "dm_verity.a=1 -- dm_verity.b=1", "a=1" },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		char text[128] = "untouched";

		expect(modulearg_collect(ROWS[i].cmdline, "dm_verity", text, sizeof text));
		expect(strcmp(text, ROWS[i].arguments) == 0);
	}
}

/* A name may be written either way on both sides; no name has no arguments. */
static void test_names(void)
{
	char text[128];

	expect(modulearg_collect("sha256_ssse3.a=1", "sha256-ssse3", text, sizeof text));
	expect(strcmp(text, "a=1") == 0);
	expect(modulearg_collect(".a=1 a=1", "", text, sizeof text) && text[0] == '\0');
	expect(modulearg_collect("sd_mod.a=1", "sd", text, sizeof text) && text[0] == '\0');
}

/* Every size: either all of it, or nothing; and nothing behind the end is written. */
static void test_room(void)
{
	static const char CMDLINE[] = "m.one=1 m.two m.three=33";
	static const char ARGUMENTS[] = "one=1 two three=33";
	char text[sizeof CMDLINE + 1];

	for (size_t size = 1; size < sizeof text; size++) {
		bool fits;

		memset(text, '#', sizeof text);
		fits = modulearg_collect(CMDLINE, "m", text, size);
		expect(fits || text[0] == '\0');
		expect(!fits || strcmp(text, ARGUMENTS) == 0);
		expect(size < sizeof CMDLINE || fits);
		for (size_t i = size; i < sizeof text; i++)
			expect(text[i] == '#');
	}
}

static const struct tap_case CASES[] = {
	{ "collect", test_collect },
	{ "names", test_names },
	{ "room", test_room },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "plaintext.h"

#include <string.h>

#include "tap.h"

static void test_copy(void)
{
	static const struct {
		const char *text;
		size_t size_max;
		const char *wanted;
	} ROWS[] = {
		{ "", 5, "" },
		{ "hello", 5, "hello" },
		{ "hello", 4, "hell" },
		{ "a\x1b[31mb\tc\nd\x7f", 40, "a [31mb c d " },
		{ "\xc3\xa4\xc3\xb6", 3, "\xc3\xa4" }, /* no half characters */
		{ "\xff", 3, "\xef\xbf\xbd" },
		{ "\xff", 2, "" },
		{ "a\xe2\x80\xae"
		  "b",
		  10, "a b" }, /* turns the direction of writing */
	};

	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		char text[64] = "untouched";

		plaintext_copy(ROWS[i].text, text, ROWS[i].size_max);
		expect(strcmp(text, ROWS[i].wanted) == 0);
	}
}

static const struct tap_case CASES[] = {
	{ "what is shown and kept", test_copy },
};
TAP_MAIN(CASES)

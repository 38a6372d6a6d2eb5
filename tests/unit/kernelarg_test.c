/* SPDX-License-Identifier: MIT */
#include "kernelarg.h"

#include <string.h>

#include "tap.h"

static void test_find(void)
{
	static const struct {
		const char *text, *value;
		unsigned count;
	} ROWS[] = {
		{ "", NULL, 0 },
		{ "x=1", "1", 1 },
		{ " \t x=1\n", "1", 1 },
		{ "a\vx=1\fx=2\rx=3\xa0", "3", 3 },
		{ "x=1 x=2", "2", 2 },
		{ "x=", "", 1 },
		{ "x", NULL, 0 },
		{ "xx=1 yx=1 x.y=1", NULL, 0 },
		{ "a=\"b x=1 c\" x=2", "2", 1 },
		{ "a=\"b x=1", NULL, 0 },
		{ "-- x=1", NULL, 0 },
		{ "--x=1 x=2 -- x=3", "2", 1 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		const char *text = ROWS[i].text;
		const char *value = ROWS[i].value != NULL ? ROWS[i].value : "";
		struct kernelarg found;

		expect(kernelarg_find(text, strlen(text), "x", &found) == ROWS[i].count);
		expect(found.size_bytes == strlen(value) &&
		       memcmp(found.start, value, found.size_bytes) == 0);
	}
}

/* Words as they stand, up to the end of what is the kernel's. */
static void test_next(void)
{
	static const char TEXT[] = " quiet x=\"1 2\"  --y\t- --x=1 -- x=3";
	static const char *const WORDS[] = { "quiet", "x=\"1 2\"", "--y", "-", "--x=1" };
	struct kernelarg word = { NULL, 77 };
	size_t at = 0;

	for (unsigned i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
		expect(kernelarg_next(TEXT, sizeof TEXT, &at, &word));
		expect(word.size_bytes == strlen(WORDS[i]) &&
		       memcmp(word.start, WORDS[i], word.size_bytes) == 0);
	}
	expect(!kernelarg_next(TEXT, sizeof TEXT, &at, &word) && word.size_bytes == 5);
	at = 0;
	expect(!kernelarg_next(" \t", 2, &at, &word) && word.size_bytes == 5);
}

/* A section of a UKI ends with its size, or with a NUL in it. */
static void test_end(void)
{
	static const char TEXT[] = "x=12\0x=3";
	struct kernelarg found;

	expect(kernelarg_find(TEXT, sizeof TEXT, "x", &found) == 1 && found.size_bytes == 2);
	expect(kernelarg_find(TEXT, 3, "x", &found) == 1 && found.size_bytes == 1);
	expect(kernelarg_find(TEXT, 2, "x", &found) == 1 && found.size_bytes == 0);
	expect(kernelarg_find(TEXT, 1, "x", &found) == 0);
	expect(kernelarg_find(TEXT, 0, "x", &found) == 0);
}

static void test_number(void)
{
	static const struct {
		const char *text;
		uint64_t max, number;
	} ROWS[] = {
		{ "1", 1, 1 },
		{ "2", 1, 0 },
		{ "007", 9, 7 },
		{ "10", 9, 0 },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, 0 },
		{ "99999999999999999999999", UINT64_MAX, 0 },
		{ "", 9, 0 },
		{ "0", 9, 0 },
		{ "1x", 9, 0 },
		{ "-1", 9, 0 },
		{ "9", 5, 0 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		const struct kernelarg value = { ROWS[i].text, strlen(ROWS[i].text) };
		uint64_t number = 77;

		expect(kernelarg_number(value, ROWS[i].max, &number) == (ROWS[i].number != 0));
		expect(number == (ROWS[i].number != 0 ? ROWS[i].number : 77));
	}
}

static void test_watchdog(void)
{
	static const struct {
		const char *text;
		unsigned seconds;
	} ROWS[] = {
		{ "quiet azupdate.watchdog=60 ro", 60 },
		{ "azupdate.watchdog=3600", 3600 },
		{ "azupdate.watchdog=3601", 0 },
		{ "azupdate.watchdog=0", 0 },
		{ "azupdate.watchdog=1m", 0 },
		{ "azupdate.watchdog", 0 },
		{ "azupdate.watchdog=60 azupdate.watchdog=60", 0 },
		{ "-- azupdate.watchdog=60", 0 },
		{ "", 0 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
		expect(kernelarg_watchdog_s(ROWS[i].text, strlen(ROWS[i].text)) == ROWS[i].seconds);
}

static const struct tap_case CASES[] = {
	{ "find", test_find },     { "next", test_next },         { "end of the text", test_end },
	{ "number", test_number }, { "watchdog", test_watchdog },
};
TAP_MAIN(CASES)

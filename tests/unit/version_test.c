/* SPDX-License-Identifier: MIT */
/* The order is checked against the examples of UAPI.10, given as one rising list. */
#include "version.h"

#include "tap.h"

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void test_rising(void)
{
	static const char *const RISING[] = {
		"~",         "",        "1~rc1",  "1",       "1-^",   "1-",      "1-1",
		"1^post1",   "1.0",     "1.0.1",  "1.1",     "9",     "11",      "122.1",
		"123~rc1-1", "123",     "123-a",  "123-a.1", "123-1", "123-1.1", "123^post1",
		"123.a-1",   "123.1-1", "123a-1", "124-1",
	};
	const int count = sizeof RISING / sizeof RISING[0];

	for (int i = 0; i < count; i++)
		for (int j = 0; j < count; j++) {
			const int order = version_compare(RISING[i], RISING[j]);

			if (sign(order) != sign(i - j))
				printf("# %s against %s: %d\n", RISING[i], RISING[j], order);
			expect(sign(order) == sign(i - j));
		}
}

static void test_equal(void)
{
	expect(version_compare("1_", "1") == 0);
	expect(version_compare("_1_", "1") == 0);
	expect(version_compare("01", "1") == 0);
	expect(version_compare("0.00", "0.0") == 0);
	expect(version_compare("2+", "2") == 0);
}

static void test_validity(void)
{
	expect(version_is_valid("4.0.20260101"));
	expect(version_is_valid("1~rc1+x_y^z-3"));
	expect(!version_is_valid(""));
	expect(!version_is_valid("../x"));
	expect(!version_is_valid("-1"));
	expect(!version_is_valid("1 2"));
	expect(!version_is_valid("1/2"));
	expect(version_is_valid("012345678901234567890123456789012345678901234567890123456789012"));
	expect(!version_is_valid(
		"0123456789012345678901234567890123456789012345678901234567890123"));
}

static const struct tap_case CASES[] = {
	{ "the specification's order", test_rising },
	{ "equal versions", test_equal },
	{ "accepted characters", test_validity },
};
TAP_MAIN(CASES)

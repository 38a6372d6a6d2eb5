/* SPDX-License-Identifier: MIT */
/* The expected bytes were written down by hand after the format, not made by another program. */
#include "canonjson.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

static void expect_bytes(const json_t *value, const char *expected, size_t expected_size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = canonjson(value, &error);
	g_autoptr(GBytes) wanted = g_bytes_new(expected, expected_size);

	expect(error == NULL);
	expect(bytes != NULL && g_bytes_equal(bytes, wanted));
}

static void expect_canonical(const char *text, const char *expected)
{
	g_autoptr(JsonValue) value = json_loads(text, JSON_DECODE_ANY, NULL);

	expect(value != NULL);
	if (value != NULL)
		expect_bytes(value, expected, strlen(expected));
}

static void expect_refused(const json_t *value, fault code)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = canonjson(value, &error);

	expect(bytes == NULL);
	expect(error != NULL && failure_code(error) == code);
}

static void test_values(void)
{
	static const char *const SAME[] = {
		"true", "false", "null", "0",    "-1",
		"{}",   "[]",    "\"\"", "[[]]", "9223372036854775807"
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(SAME); i++)
		expect_canonical(SAME[i], SAME[i]);
	expect_canonical("-9223372036854775808", "-9223372036854775808");
	expect_canonical(" [ 1 , true,\n{ \"a\" : null } ] ", "[1,true,{\"a\":null}]");
	expect_canonical("-0", "0");
}

/* Only the quote and the backslash are escaped; a line feed stands as it is. */
static void test_strings(void)
{
	expect_canonical("{\"k\":\"line1\\nline2\\t\\\"q\\\" \\\\ \\/\"}",
			 "{\"k\":\"line1\nline2\t\\\"q\\\" \\\\ /\"}");
	expect_canonical("\"\\u0001\\u001f\\u007f\\u00e9\"", "\"\x01\x1f\x7f\xc3\xa9\"");
	expect_canonical("{\"\\\"\\\\\":1}", "{\"\\\"\\\\\":1}");
}

static void test_zero_byte(void)
{
	g_autoptr(JsonValue) value = json_stringn("a\0b", 3);

	expect_bytes(value, "\"a\0b\"", 5);
}

/* By code points: U+FFFD comes before U+1F600, which UTF-16 would put the other way round. */
static void test_order(void)
{
	expect_canonical("{\"\\ud83d\\ude00\":4,\"\\ufffd\":3,\"\\u00e9\":2,\"z\":1}",
			 "{\"z\":1,\"\xc3\xa9\":2,\"\xef\xbf\xbd\":3,\"\xf0\x9f\x98\x80\":4}");
	expect_canonical("{\"b\":1,\"ab\":2,\"a\":3,\"B\":4,\"\":5}",
			 "{\"\":5,\"B\":4,\"a\":3,\"ab\":2,\"b\":1}");
	expect_canonical("{\"b\":{\"d\":1,\"c\":2},\"a\":[{\"f\":1,\"e\":2}]}",
			 "{\"a\":[{\"e\":2,\"f\":1}],\"b\":{\"c\":2,\"d\":1}}");
}

static void test_numbers_refused(void)
{
	static const char *const TEXTS[] = { "1.0", "1e3", "-0.5", "[0.1]", "{\"a\":{\"b\":2.5}}" };

	for (unsigned i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		g_autoptr(JsonValue) value = json_loads(TEXTS[i], JSON_DECODE_ANY, NULL);

		expect_refused(value, FAULT_CANON_NUMBER);
	}
}

static json_t *nested(unsigned depth, gboolean objects)
{
	json_t *value = json_integer(1);

	for (unsigned i = 0; i < depth; i++)
		value = objects ? json_pack("{s:o}", "a", value) : json_pack("[o]", value);
	return value;
}

static void test_depth(void)
{
	for (gboolean objects = FALSE; objects <= TRUE; objects++) {
		g_autoptr(JsonValue) most = nested(CANONJSON_DEPTH_MAX, objects);
		g_autoptr(JsonValue) more = nested(CANONJSON_DEPTH_MAX + 1, objects);
		g_autoptr(GBytes) bytes = canonjson(most, NULL);

		expect(bytes != NULL);
		expect_refused(more, FAULT_CANON_DEPTH);
	}
}

/* Depth is what is open at the same time, not how much there was. */
static void test_width(void)
{
	g_autoptr(JsonValue) array = json_array();

	for (unsigned i = 0; i < 10 * CANONJSON_DEPTH_MAX; i++)
		json_array_append_new(array, json_object());
	{
		g_autoptr(GBytes) bytes = canonjson(array, NULL);

		expect(bytes != NULL);
	}
}

static const struct tap_case CASES[] = {
	{ "values", test_values },
	{ "strings", test_strings },
	{ "a zero byte in a string", test_zero_byte },
	{ "keys in the order of their code points", test_order },
	{ "fractions are refused", test_numbers_refused },
	{ "depth", test_depth },
	{ "width is not depth", test_width },
};

TAP_MAIN(CASES)

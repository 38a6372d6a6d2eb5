/* SPDX-License-Identifier: MIT */
#include "bspatch.h"

#include <string.h>

#include "tap.h"

static const struct bspatch_bytes OLD = { (const uint8_t *)"0123456789", 10 };

/* A number as bsdiff has it. */
static void number_add(GByteArray *patch, int64_t number)
{
	const uint64_t size = number < 0 ? (uint64_t)-number : (uint64_t)number;
	const uint64_t value = GUINT64_TO_LE(size | (number < 0 ? UINT64_C(1) << 63 : 0));

	g_byte_array_append(patch, (const uint8_t *)&value, sizeof value);
}

static void step_add(GByteArray *patch, int64_t add, int64_t fresh, int64_t seek)
{
	number_add(patch, add);
	number_add(patch, fresh);
	number_add(patch, seek);
}

static void text_add(GByteArray *patch, const char *text)
{
	g_byte_array_append(patch, (const uint8_t *)text, (guint)strlen(text));
}

static gboolean makes(const GByteArray *patch, const char *wanted)
{
	const struct bspatch_bytes bytes = { patch->data, patch->len };
	g_autofree uint8_t *made = g_malloc0(strlen(wanted) + 1);

	return bspatch_apply(&bytes, &OLD, made, strlen(wanted)) &&
	       strcmp((const char *)made, wanted) == 0;
}

static gboolean fails(const GByteArray *patch, size_t new_size)
{
	const struct bspatch_bytes bytes = { patch->data, patch->len };
	g_autofree uint8_t *made = g_malloc0(new_size + 1);

	return !bspatch_apply(&bytes, &OLD, made, new_size);
}

static void steps(void)
{
	g_autoptr(GByteArray) patch = g_byte_array_new();

	expect(makes(patch, ""));
	step_add(patch, 3, 2, 4); /* 0123, of which the last two digits become others */
	g_byte_array_append(patch, (const uint8_t *)"\0\1\1", 3);
	text_add(patch, "xy");
	expect(makes(patch, "023xy"));
	step_add(patch, 2, 0, -9); /* 78 */
	g_byte_array_append(patch, (const uint8_t *)"\0\0", 2);
	expect(makes(patch, "023xy78"));
	step_add(patch, 1, 1, 0); /* back at 0 */
	g_byte_array_append(patch, (const uint8_t *)"\0z", 2);
	expect(makes(patch, "023xy780z"));
}

static void outside(void)
{
	g_autoptr(GByteArray) patch = g_byte_array_new();

	step_add(patch, 0, 0, -2);
	step_add(patch, 4, 0, 6);
	text_add(patch, "ab");
	g_byte_array_append(patch, (const uint8_t *)"\0\0", 2);
	expect(makes(patch, "ab01")); /* two bytes before the old ones, which add nothing */
	step_add(patch, 3, 0, 0);
	g_byte_array_append(patch, (const uint8_t *)"\0\0q", 3);
	expect(makes(patch, "ab0189q"));
}

static void hostile(void)
{
	static const int64_t NUMBERS[][3] = {
		{ -1, 0, 0 }, { 0, -1, 0 },        { 5, 0, 0 },         { 0, 5, 0 },
		{ 4, 1, 0 },  { INT64_MAX, 1, 0 }, { 1, INT64_MAX, 0 }, { -INT64_MAX, 5, 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(NUMBERS); i++) {
		g_autoptr(GByteArray) patch = g_byte_array_new();

		step_add(patch, NUMBERS[i][0], NUMBERS[i][1], NUMBERS[i][2]);
		text_add(patch, "bytes and more");
		expect(fails(patch, 4));
	}
}

/* Seeks add up to more than a number holds. */
static void overflow(void)
{
	g_autoptr(GByteArray) patch = g_byte_array_new();

	step_add(patch, 0, 0, INT64_MAX);
	step_add(patch, 1, 0, 0);
	text_add(patch, "a");
	expect(fails(patch, 1));
	g_byte_array_set_size(patch, 0);
	step_add(patch, 0, 0, INT64_MAX);
	step_add(patch, 0, 0, 1);
	step_add(patch, 0, 1, 0);
	text_add(patch, "a");
	expect(fails(patch, 1));
	g_byte_array_set_size(patch, 0);
	step_add(patch, 0, 0, -INT64_MAX);
	step_add(patch, 0, 0, -2);
	expect(fails(patch, 1));
}

static void cut(void)
{
	g_autoptr(GByteArray) patch = g_byte_array_new();

	step_add(patch, 2, 2, 0);
	text_add(patch, "abcd");
	for (guint size = patch->len; size-- > 0;) {
		g_byte_array_set_size(patch, size);
		expect(fails(patch, 4));
	}
}

static const struct tap_case CASES[] = {
	{ "bytes are added to old ones, and new ones follow", steps },
	{ "old bytes that are not there add nothing", outside },
	{ "what would make more than there is room for is refused", hostile },
	{ "so are seeks that overflow", overflow },
	{ "and a patch that ends early", cut },
};

TAP_MAIN(CASES)

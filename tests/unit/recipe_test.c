/* SPDX-License-Identifier: MIT */
#include "recipe.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

static struct recipe *recipe_make(void)
{
	struct recipe *recipe = recipe_new();
	uint8_t hash[RECIPE_HASH_SIZE];

	for (unsigned i = 0; i < 3; i++) {
		memset(hash, (int)i + 1, sizeof hash);
		g_byte_array_append(recipe->objects, hash, sizeof hash);
	}
	memset(recipe->commit, 9, sizeof recipe->commit);
	recipe_add(recipe, 0, 0, 100);
	recipe_add(recipe, 0, 100, 50); /* joins */
	recipe_add(recipe, 0, 200, 10);
	recipe_add(recipe, RECIPE_ZEROS, 0, 4096);
	recipe_add(recipe, RECIPE_ZEROS, 0, 1); /* joins */
	recipe_add(recipe, 2, 7, 1);
	recipe_add(recipe, 1, 0, RECIPE_CONTENT_MAX);
	recipe_add(recipe, 2, 3, 0); /* nothing */
	return recipe;
}

static const struct recipe_segment *segment(const struct recipe *recipe, guint index)
{
	return &g_array_index(recipe->segments, struct recipe_segment, index);
}

static bool segment_equals(const struct recipe_segment *a, const struct recipe_segment *b)
{
	return a->start == b->start && a->offset == b->offset && a->object == b->object;
}

static void segments_join(void)
{
	g_autoptr(Recipe) recipe = recipe_make();

	expect(recipe->segments->len == 5);
	expect(recipe->total_bytes == 160 + 4097 + 1 + RECIPE_CONTENT_MAX);
	expect(segment(recipe, 1)->start == 150 && segment(recipe, 1)->offset == 200);
	expect(recipe_end(recipe, 2) == 160 + 4097);
	expect(recipe_end(recipe, 4) == recipe->total_bytes);
}

static void each_byte_has_its_segment(void)
{
	g_autoptr(Recipe) recipe = recipe_make();

	for (uint64_t at = 0; at < 5000; at++) {
		const guint index = recipe_find(recipe, at);

		expect(segment(recipe, index)->start <= at && at < recipe_end(recipe, index));
	}
	expect(recipe_find(recipe, recipe->total_bytes - 1) == 4);
}

static void what_was_written_is_read(void)
{
	g_autoptr(Recipe) recipe = recipe_make();
	g_autoptr(GBytes) bytes = recipe_encode(recipe);
	g_autoptr(GError) error = NULL;
	g_autoptr(Recipe) again = recipe_decode(g_bytes_get_data(bytes, NULL),
						g_bytes_get_size(bytes), &error);

	expect(again != NULL);
	if (again == NULL)
		return;
	expect(memcmp(again->commit, recipe->commit, RECIPE_HASH_SIZE) == 0);
	expect(again->total_bytes == recipe->total_bytes);
	expect(recipe_object_count(again) == 3 && recipe_object(again, 1)[5] == 2);
	expect(again->segments->len == recipe->segments->len);
	for (guint i = 0; i < again->segments->len; i++)
		expect(segment_equals(segment(again, i), segment(recipe, i)));
}

static bool is_refused(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Recipe) recipe = recipe_decode(bytes, size_bytes, &error);

	return recipe == NULL && failure_code(error) == FAULT_RECIPE_FORMAT;
}

static void each_cut_is_refused(void)
{
	g_autoptr(Recipe) recipe = recipe_make();
	g_autoptr(GBytes) bytes = recipe_encode(recipe);
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(bytes, &size_bytes);
	g_autofree uint8_t *longer = g_malloc0(size_bytes + 1);

	for (size_t size = 0; size < size_bytes; size++)
		expect(is_refused(data, size));
	memcpy(longer, data, size_bytes);
	expect(is_refused(longer, size_bytes + 1));
}

/* One thing wrong in each: made by the writer, which does not check. */
static void wrong_segments_are_refused(void)
{
	static const struct recipe_segment BAD[] = {
		{ 0, RECIPE_CONTENT_MAX, 0 }, /* outside of any object */
		{ 0, (uint64_t)RECIPE_CONTENT_MAX + 1, 0 },
		{ 0, UINT64_MAX - 5, 0 }, /* the end overflows */
		{ 0, 0, 3 },              /* no such object */
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++) {
		g_autoptr(Recipe) recipe = recipe_make();
		g_autoptr(GBytes) bytes = NULL;

		recipe_add(recipe, BAD[i].object, BAD[i].offset, 10);
		bytes = recipe_encode(recipe);
		expect(is_refused(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)));
	}
}

/* The content of a byte: its object's first byte and where in it, or 0. */
static uint64_t byte_of(const struct recipe *recipe, uint64_t at)
{
	const struct recipe_segment *found = segment(recipe, recipe_find(recipe, at));

	if (found->object == RECIPE_ZEROS)
		return 0;
	return (uint64_t)*recipe_object(recipe, found->object) << 56 |
	       (found->offset + (at - found->start));
}

static void a_prefix_is_the_same_up_to_its_end(void)
{
	static const uint64_t ENDS[] = { 0, 1, 100, 150, 159, 160, 161, 4257, 4258, 4259, 5000 };
	static const unsigned OBJECTS[] = { 0, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3 };
	g_autoptr(Recipe) recipe = recipe_make();

	for (unsigned i = 0; i < G_N_ELEMENTS(ENDS); i++) {
		g_autoptr(Recipe) prefix = recipe_prefix(recipe, ENDS[i]);
		g_autoptr(GBytes) bytes = recipe_encode(prefix);

		expect(prefix->total_bytes == ENDS[i]);
		expect(recipe_object_count(prefix) == OBJECTS[i]);
		expect(memcmp(prefix->commit, recipe->commit, sizeof recipe->commit) == 0);
		for (uint64_t at = 0; at < ENDS[i]; at++)
			expect(byte_of(prefix, at) == byte_of(recipe, at));
		if (ENDS[i] > 0)
			expect(!is_refused(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)));
	}
}

int main(void)
{
	static const struct tap_case CASES[] = {
		{ "segments that go on are joined", segments_join },
		{ "each byte has its segment", each_byte_has_its_segment },
		{ "what was written is read", what_was_written_is_read },
		{ "each cut, and what follows, is refused", each_cut_is_refused },
		{ "segments outside of objects are refused", wrong_segments_are_refused },
		{ "a prefix is the same up to its end", a_prefix_is_the_same_up_to_its_end },
	};

	return tap_run(CASES, G_N_ELEMENTS(CASES));
}

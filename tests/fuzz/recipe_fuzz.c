/* SPDX-License-Identifier: MIT */
/* Recipes: each segment that is taken lies inside the bundle and inside of what an object may have,
 * and what was taken can be written and read again. */
#include "recipe.h"

#include <string.h>

#include "fuzz.h"

static void segments_check(const struct recipe *recipe)
{
	for (guint i = 0; i < recipe->segments->len; i++) {
		const struct recipe_segment *segment = &g_array_index(recipe->segments,
								      struct recipe_segment, i);
		const uint64_t end = recipe_end(recipe, i);

		if (end <= segment->start || end > recipe->total_bytes ||
		    recipe_find(recipe, segment->start) != i || recipe_find(recipe, end - 1) != i)
			__builtin_trap();
		if (segment->object != RECIPE_ZEROS &&
		    (segment->object >= recipe_object_count(recipe) ||
		     segment->offset + (end - segment->start) > RECIPE_CONTENT_MAX))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Recipe) recipe = recipe_decode(bytes, size_bytes, NULL);
	g_autoptr(GBytes) written = recipe != NULL ? recipe_encode(recipe) : NULL;
	g_autoptr(Recipe) again = NULL;

	if (recipe == NULL)
		return 0;
	segments_check(recipe);
	again = recipe_decode(g_bytes_get_data(written, NULL), g_bytes_get_size(written), NULL);
	if (again == NULL || again->segments->len != recipe->segments->len)
		__builtin_trap();
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	g_autoptr(Recipe) recipe = recipe_new();
	g_autoptr(GBytes) bytes = NULL;

	if (number > 3)
		return 0;
	for (unsigned i = 0; i <= number; i++) {
		const uint8_t hash[RECIPE_HASH_SIZE] = { (uint8_t)i };

		g_byte_array_append(recipe->objects, hash, sizeof hash);
		recipe_add(recipe, i, i * 1000, 4096);
		recipe_add(recipe, RECIPE_ZEROS, 0, 4096 * i);
	}
	bytes = recipe_encode(recipe);
	if (g_bytes_get_size(bytes) > room)
		return 0;
	memcpy(ret_bytes, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return g_bytes_get_size(bytes);
}

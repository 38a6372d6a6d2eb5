/* SPDX-License-Identifier: MIT */
#include "staticchoice.h"

#include <string.h>

#include "tap.h"

enum { OBJECTS = 6 };

/* Three parts: of objects 0 to 2, 3 and 4, and 5. */
struct world {
	struct staticdelta delta;
	struct staticbase *base;
};

static struct world world_make(const uint64_t stored[static OBJECTS])
{
	static const struct staticdelta_part PARTS[] = {
		{ .stored_bytes = 100, .content_bytes = 1000, .object_count = 3 },
		{ .stored_bytes = 50, .content_bytes = 400, .first_object = 3, .object_count = 2 },
		{ .stored_bytes = 10, .content_bytes = 5000, .first_object = 5, .object_count = 1 },
	};
	struct world world = { .base = staticbase_new() };

	world.delta.parts = g_array_new(FALSE, FALSE, sizeof(struct staticdelta_part));
	g_array_append_vals(world.delta.parts, PARTS, G_N_ELEMENTS(PARTS));
	g_array_append_vals(world.base->stored, stored, OBJECTS);
	return world;
}

static void world_clear(struct world *world)
{
	g_array_unref(world->delta.parts);
	staticbase_free(world->base);
}

struct row {
	uint64_t stored[OBJECTS];
	uint64_t room_bytes;
	uint8_t needed[OBJECTS];
	uint8_t then[OBJECTS];
	struct staticchoice choice; /* parts, objects, bytes of parts, of objects, of contents */
};

static void choices(void)
{
	static const struct row ROWS[] = {
		/* Nothing is needed; a part has as many bytes as its objects, or one less. */
		{ { 60, 60, 60, 60, 60, 60 }, 9999, { 0 }, { 0 }, { 0, 0, 0, 0, 0 } },
		{ { 60, 40, 60, 0, 0, 0 }, 9999, { 1, 1 }, { 1, 1 }, { 0, 0, 0, 0, 0 } },
		{ { 60, 41, 60, 0, 0, 0 }, 9999, { 1, 1 }, { 2, 2 }, { 1, 2, 100, 101, 1000 } },
		/* What the delta is not used for is fetched, whatever the part makes. */
		{ { 0, 101, 9, 0, 0, 0 }, 9999, { 1, 1 }, { 1, 2 }, { 1, 1, 100, 101, 1000 } },
		/* Each part for itself. */
		{ { 60, 60, 60, 20, 20, 60 },
		  9999,
		  { 1, 1, 1, 1, 1, 1 },
		  { 2, 2, 2, 1, 1, 2 },
		  { 2, 4, 110, 240, 6000 } },
		/* There is room for the second and not for the third. */
		{ { 60, 60, 60, 60, 60, 60 },
		  1400,
		  { 1, 1, 1, 1, 1, 1 },
		  { 2, 2, 2, 2, 2, 1 },
		  { 2, 5, 150, 300, 1400 } },
		{ { 60, 60, 60, 60, 60, 60 }, 0, { 1, 1 }, { 1, 1 }, { 0, 0, 0, 0, 0 } },
		/* What was chosen before counts again, and stays. */
		{ { 60, 60, 60, 60, 60, 60 },
		  9999,
		  { 2, 2, 1, 0, 0, 0 },
		  { 2, 2, 2, 0, 0, 0 },
		  { 1, 3, 100, 180, 1000 } },
		/* Sums that overflow. */
		{ { UINT64_MAX, UINT64_MAX, 9, 0, 0, 0 },
		  9999,
		  { 1, 1 },
		  { 2, 2 },
		  { 1, 2, 100, UINT64_MAX, 1000 } },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const struct row *row = &ROWS[i];
		struct world world = world_make(row->stored);
		uint8_t needed[OBJECTS];
		struct staticchoice choice;

		memcpy(needed, row->needed, sizeof needed);
		choice = staticchoice_make(&world.delta, world.base, row->room_bytes, needed);
		expect(memcmp(needed, row->then, sizeof needed) == 0);
		expect(choice.parts == row->choice.parts && choice.objects == row->choice.objects);
		expect(choice.part_bytes == row->choice.part_bytes &&
		       choice.object_bytes == row->choice.object_bytes &&
		       choice.content_bytes == row->choice.content_bytes);
		world_clear(&world);
	}
}

/* Sizes that a signer may name. */
static void hostile(void)
{
	static const uint64_t STORED[OBJECTS] = { UINT64_MAX, 1, 1, 1, 1, 1 };
	static const struct {
		uint64_t stored, content;
		guint parts;
	} ROWS[] = { { STATICDELTA_PART_MAX, 1, 1 },
		     { STATICDELTA_PART_MAX + 1, 1, 0 },
		     { UINT64_MAX, 1, 0 },
		     { 1, UINT64_MAX, 0 } };

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		struct world world = world_make(STORED);
		uint8_t needed[OBJECTS] = { 1 };
		struct staticdelta_part *part = &g_array_index(world.delta.parts,
							       struct staticdelta_part, 0);

		part->stored_bytes = ROWS[i].stored;
		part->content_bytes = ROWS[i].content;
		expect(staticchoice_make(&world.delta, world.base, 9999, needed).parts ==
		       ROWS[i].parts);
		world_clear(&world);
	}
}

static const struct tap_case CASES[] = {
	{ "a part is worth it if its objects that are needed have more bytes", choices },
	{ "and if it is no larger than machines take", hostile },
};

TAP_MAIN(CASES)

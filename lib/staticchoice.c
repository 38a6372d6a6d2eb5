/* SPDX-License-Identifier: MIT */
#include "staticchoice.h"

static uint64_t stored_of(const struct staticbase *base, guint object)
{
	return g_array_index(base->stored, uint64_t, object);
}

/* Sizes come from outside: a sum that overflows would be no sum. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static gboolean is_wanted(const struct staticbase *base, guint object, const uint8_t *needed)
{
	return needed[object] != 0 && stored_of(base, object) > 0;
}

/* What the part would spare. */
static struct staticchoice part_judge(const struct staticdelta_part *part,
				      const struct staticbase *base, const uint8_t *needed)
{
	struct staticchoice choice = { .parts = 1,
				       .part_bytes = part->stored_bytes,
				       .content_bytes = part->content_bytes };

	for (guint i = 0; i < part->object_count; i++) {
		const guint object = part->first_object + i;

		if (!is_wanted(base, object, needed))
			continue;
		choice.objects++;
		choice.object_bytes = sum(choice.object_bytes, stored_of(base, object));
	}
	return choice;
}

static void made_mark(const struct staticdelta_part *part, const struct staticbase *base,
		      uint8_t *needed)
{
	for (guint i = 0; i < part->object_count; i++)
		if (is_wanted(base, part->first_object + i, needed))
			needed[part->first_object + i] = STATICCHOICE_MADE;
}

struct staticchoice staticchoice_make(const struct staticdelta *delta,
				      const struct staticbase *base, uint64_t room_bytes,
				      uint8_t *needed)
{
	struct staticchoice all = { .parts = 0 };

	for (guint i = 0; i < delta->parts->len; i++) {
		const struct staticdelta_part *part = &g_array_index(delta->parts,
								     struct staticdelta_part, i);
		const struct staticchoice choice = part_judge(part, base, needed);

		if (choice.part_bytes >= choice.object_bytes ||
		    choice.part_bytes > STATICDELTA_PART_MAX ||
		    sum(all.content_bytes, choice.content_bytes) > room_bytes)
			continue;
		all.parts++;
		all.objects += choice.objects;
		all.part_bytes += choice.part_bytes;
		all.object_bytes = sum(all.object_bytes, choice.object_bytes);
		all.content_bytes += choice.content_bytes;
		made_mark(part, base, needed);
	}
	return all;
}

/* SPDX-License-Identifier: MIT */
#include "deltapair.h"

#include <string.h>

#include "deltacompanion.h"

enum {
	BLOCK = DELTAINDEX_BLOCK_SIZE,
	UNIT_SIZE = 16 << 20,   /* of a new raw content that is compared at once */
	UNIT_AROUND = 24 << 20, /* how far around its place in the old one is looked */
	MATCH_MIN = 8,
};

/* A stretch of a new raw content, and where in the old one to look. Two such places where it is
 * not known which is better. */
struct unit {
	uint32_t object;
	uint64_t at, size_bytes;
	struct {
		uint64_t at, size_bytes;
	} places[2];
	unsigned place_count;
	GArray *matches;
};

struct pairing {
	struct deltacontent *base, *new_content;
	GArray *pairs;
	GArray *units;
};

static struct deltapair *pair_at(const GArray *pairs, guint i)
{
	return &g_array_index(pairs, struct deltapair, i);
}

static void pair_clear(gpointer data)
{
	struct deltapair *pair = data;

	g_clear_pointer(&pair->matches, g_array_unref);
	g_clear_pointer(&pair->match_starts, g_array_unref);
}

/* Bytes of no file are compared with those of the base, the first ones with the first ones. */
static gboolean rest_find(const struct deltacontent *base, unsigned number, uint32_t *ret_object)
{
	gboolean found = FALSE;

	for (guint i = 0; i < base->objects->len; i++) {
		if (deltacontent_object(base, i)->path[0] != '\0')
			continue;
		*ret_object = i;
		found = TRUE;
		if (number-- == 0)
			break;
	}
	return found;
}

static void bases_find(struct pairing *pairing)
{
	unsigned rest_count = 0;

	for (guint i = 0; i < pairing->new_content->objects->len; i++) {
		const struct deltacontent_object *object = deltacontent_object(pairing->new_content,
									       i);
		struct deltapair *pair = pair_at(pairing->pairs, i);

		if (object->path[0] == '\0')
			pair->has_base = rest_find(pairing->base, rest_count++, &pair->base);
		else
			pair->has_base = deltacontent_find(pairing->base, object, &pair->base);
	}
}

/* Whether the base's object has the same bytes as this segment, at the same place. */
static gboolean segment_is_same(const struct pairing *pairing, const struct deltapair *pair,
				const struct deltacontent_segment *segment)
{
	const struct deltacontent_object *old = deltacontent_object(pairing->base, pair->base);
	const uint8_t *bytes = pairing->new_content->image.bytes + segment->image_offset;
	uint64_t at = segment->at;
	const uint64_t end = at + segment->size_bytes;

	for (guint i = 0; i < old->extents->len && at < end; i++) {
		const struct deltacontent_extent *extent = &g_array_index(
			old->extents, struct deltacontent_extent, i);
		uint64_t size;

		if (extent->at > at)
			return FALSE; /* a hole */
		if (extent->at + extent->size_bytes <= at)
			continue;
		size = MIN(extent->at + extent->size_bytes, end) - at;
		if (memcmp(deltacontent_bytes(pairing->base, extent->image_offset) +
				   (at - extent->at),
			   bytes + (at - segment->at), size) != 0)
			return FALSE;
		at += size;
	}
	return at == end;
}

/* Marks the objects that have bytes in MADE blocks, and those of them that are the same. */
static void wanted_find(struct pairing *pairing, const GArray *runs)
{
	for (guint i = 0; i < pairing->pairs->len; i++)
		pair_at(pairing->pairs, i)->is_same = TRUE;
	for (guint i = 0; i < runs->len; i++) {
		const struct deltaindex_run *run = &g_array_index(runs, struct deltaindex_run, i);
		const uint64_t offset = (uint64_t)run->first_block * BLOCK;
		const uint64_t end = offset + (uint64_t)run->block_count * BLOCK;
		guint j = deltacontent_segment_find(pairing->new_content, offset);

		for (; run->kind == DELTAINDEX_MADE && j < pairing->new_content->segments->len;
		     j++) {
			struct deltacontent_segment segment = g_array_index(
				pairing->new_content->segments, struct deltacontent_segment, j);
			struct deltapair *pair = pair_at(pairing->pairs, segment.object);

			if (segment.image_offset >= end)
				break;
			if (!deltacontent_segment_clip(&segment, offset, end))
				continue;
			pair->is_wanted = TRUE;
			pair->is_same = pair->is_same && pair->has_base &&
					segment_is_same(pairing, pair, &segment);
		}
	}
}

/* What the companion has is not to be made again. */
static void companions_find(struct pairing *pairing)
{
	g_autoptr(GHashTable) known = NULL;

	if (pairing->base->companion == NULL)
		return;
	known = deltacompanion_table(pairing->base);
	for (guint i = 0; i < pairing->pairs->len; i++) {
		struct deltapair *pair = pair_at(pairing->pairs, i);

		if (pair->is_wanted && !pair->is_same &&
		    deltacompanion_find(known, pairing->new_content, i, &pair->base))
			pair->has_base = pair->is_same = TRUE;
	}
}

static void object_open(gpointer data, gpointer user_data)
{
	const gsize number = GPOINTER_TO_SIZE(data) - 1;
	struct pairing *pairing = user_data;

	if (number % 2 == 0)
		deltacontent_object_open(pairing->base, (uint32_t)(number / 2), FALSE);
	else
		deltacontent_object_open(pairing->new_content, (uint32_t)(number / 2), TRUE);
}

static void objects_open(struct pairing *pairing, unsigned jobs)
{
	GThreadPool *pool = g_thread_pool_new(object_open, pairing, (gint)jobs, TRUE, NULL);
	g_autofree gboolean *opened = g_new0(gboolean, pairing->base->objects->len + 1);

	for (gsize i = 0; i < pairing->pairs->len; i++) {
		const struct deltapair *pair = pair_at(pairing->pairs, (guint)i);

		if (!pair->is_wanted || pair->is_same)
			continue;
		g_thread_pool_push(pool, GSIZE_TO_POINTER(2 * i + 2), NULL);
		if (!pair->has_base || opened[pair->base])
			continue;
		opened[pair->base] = TRUE;
		g_thread_pool_push(pool, GSIZE_TO_POINTER(2 * (gsize)pair->base + 1), NULL);
	}
	g_thread_pool_free(pool, FALSE, TRUE);
}

static void place_add(struct unit *unit, uint64_t at, uint64_t end)
{
	unit->places[unit->place_count].at = at;
	unit->places[unit->place_count].size_bytes = end - at;
	unit->place_count++;
}

/* A frame has room for two expanded LZ4 blocks: the one at the same place, and one next to it. */
static void places_of_stream(struct unit *unit, const struct deltacontent_object *old)
{
	const GArray *parts = old->parts;
	guint here = 0;

	while (here + 1 < parts->len &&
	       g_array_index(parts, struct deltacontent_part, here + 1).raw_at <= unit->at)
		here++;
	for (guint first = here > 0 ? here - 1 : 0; first <= here && unit->place_count < 2;
	     first++) {
		const struct deltacontent_part *from = &g_array_index(
			parts, struct deltacontent_part, first);
		const struct deltacontent_part *to = &g_array_index(parts, struct deltacontent_part,
								    MIN(first + 1, parts->len - 1));

		place_add(unit, from->raw_at, to->raw_at + to->raw_size);
	}
}

static void unit_add(struct pairing *pairing, struct unit unit)
{
	const struct deltapair *pair = pair_at(pairing->pairs, unit.object);
	const struct deltacontent_object *object = deltacontent_object(pairing->new_content,
								       unit.object);
	const struct deltacontent_object *old = deltacontent_object(pairing->base, pair->base);
	const double scale = (double)old->raw->len / (double)object->raw->len;
	const uint64_t middle = (uint64_t)((double)(unit.at + unit.size_bytes / 2) * scale);

	if (unit.size_bytes == object->raw->len)
		place_add(&unit, 0, old->raw->len);
	else
		place_add(&unit, middle > UNIT_AROUND ? middle - UNIT_AROUND : 0,
			  MIN(middle + UNIT_AROUND, old->raw->len));
	g_array_append_val(pairing->units, unit);
}

static void units_cut(struct pairing *pairing, uint32_t number)
{
	const struct deltapair *pair = pair_at(pairing->pairs, number);
	const struct deltacontent_object *object = deltacontent_object(pairing->new_content,
								       number);
	const struct deltacontent_object *old = deltacontent_object(pairing->base, pair->base);
	struct unit unit = { .object = number };

	for (guint i = 0; object->raw->len > UNIT_SIZE && i < object->parts->len; i++) {
		const struct deltacontent_part *part = &g_array_index(object->parts,
								      struct deltacontent_part, i);

		if (part->kind != RECODE_LZ4)
			continue;
		unit.size_bytes = part->raw_at - unit.at;
		if (unit.size_bytes > 0)
			unit_add(pairing, unit);
		unit.at = part->raw_at;
		unit.size_bytes = part->raw_size;
		places_of_stream(&unit, old);
		g_array_append_val(pairing->units, unit);
		unit = (struct unit){ .object = number, .at = part->raw_at + part->raw_size };
	}
	while (unit.at < object->raw->len) {
		unit.size_bytes = MIN(UNIT_SIZE, object->raw->len - unit.at);
		unit_add(pairing, unit);
		unit.at += unit.size_bytes;
	}
}

/* What is not described by the base. */
static uint64_t extra_count(const GArray *matches)
{
	uint64_t count = 0;

	for (guint i = 0; i < matches->len; i++)
		count += g_array_index(matches, struct deltamatch, i).extra;
	return count;
}

static void unit_match(gpointer data, gpointer user_data)
{
	const struct pairing *pairing = user_data;
	struct unit *unit = &g_array_index(pairing->units, struct unit, GPOINTER_TO_SIZE(data) - 1);
	const struct deltapair *pair = pair_at(pairing->pairs, unit->object);
	const uint8_t *old = deltacontent_object(pairing->base, pair->base)->raw->data;
	const struct deltamatch_content new_content = {
		deltacontent_object(pairing->new_content, unit->object)->raw->data + unit->at,
		(size_t)unit->size_bytes,
	};

	for (unsigned i = 0; i < unit->place_count; i++) {
		const struct deltamatch_content place = { old + unit->places[i].at,
							  (size_t)unit->places[i].size_bytes };
		g_autoptr(GArray) matches = g_array_new(FALSE, FALSE, sizeof(struct deltamatch));

		deltamatch_find(&place, &new_content, matches);
		for (guint j = 0; j < matches->len; j++)
			g_array_index(matches, struct deltamatch, j).old_at += unit->places[i].at;
		if (unit->matches != NULL && extra_count(unit->matches) <= extra_count(matches))
			continue;
		g_clear_pointer(&unit->matches, g_array_unref);
		unit->matches = g_steal_pointer(&matches);
	}
}

/* Larger ones first, so that the last thread is not left alone with one. */
static int unit_compare(gconstpointer a, gconstpointer b)
{
	const struct unit *one = a, *other = b;

	if (one->size_bytes != other->size_bytes)
		return one->size_bytes > other->size_bytes ? -1 : 1;
	if (one->object != other->object)
		return one->object < other->object ? -1 : 1;
	return one->at < other->at ? -1 : one->at > other->at;
}

static int unit_place_compare(gconstpointer a, gconstpointer b)
{
	const struct unit *one = a, *other = b;

	if (one->object != other->object)
		return one->object < other->object ? -1 : 1;
	return one->at < other->at ? -1 : one->at > other->at;
}

static void matches_collect(struct pairing *pairing)
{
	g_array_sort(pairing->units, unit_place_compare);
	for (guint i = 0; i < pairing->units->len; i++) {
		struct unit *unit = &g_array_index(pairing->units, struct unit, i);
		struct deltapair *pair = pair_at(pairing->pairs, unit->object);
		uint64_t at = unit->at;

		if (pair->matches == NULL) {
			pair->matches = g_array_new(FALSE, FALSE, sizeof(struct deltamatch));
			pair->match_starts = g_array_new(FALSE, FALSE, sizeof(uint64_t));
		}
		for (guint j = 0; j < unit->matches->len; j++) {
			const struct deltamatch *match = &g_array_index(unit->matches,
									struct deltamatch, j);

			g_array_append_val(pair->matches, *match);
			g_array_append_val(pair->match_starts, at);
			at += match->add + match->extra;
		}
		g_array_unref(unit->matches);
	}
}

GArray *deltapair_all(struct deltacontent *base, struct deltacontent *new_content,
		      const GArray *runs, unsigned jobs)
{
	struct pairing pairing = {
		.base = base,
		.new_content = new_content,
		.pairs = g_array_new(FALSE, TRUE, sizeof(struct deltapair)),
		.units = g_array_new(FALSE, TRUE, sizeof(struct unit)),
	};
	GThreadPool *pool;

	g_array_set_clear_func(pairing.pairs, pair_clear);
	g_array_set_size(pairing.pairs, new_content->objects->len);
	bases_find(&pairing);
	wanted_find(&pairing, runs);
	companions_find(&pairing);
	objects_open(&pairing, jobs);
	for (guint i = 0; i < pairing.pairs->len; i++) {
		const struct deltapair *pair = pair_at(pairing.pairs, i);

		if (pair->is_wanted && !pair->is_same && pair->has_base &&
		    deltacontent_object(base, pair->base)->raw->len > 0 &&
		    deltacontent_object(new_content, i)->raw->len > 0)
			units_cut(&pairing, i);
	}
	g_array_sort(pairing.units, unit_compare);
	pool = g_thread_pool_new(unit_match, &pairing, (gint)jobs, TRUE, NULL);
	for (gsize i = 0; i < pairing.units->len; i++)
		g_thread_pool_push(pool, GSIZE_TO_POINTER(i + 1), NULL);
	g_thread_pool_free(pool, FALSE, TRUE);
	matches_collect(&pairing);
	g_array_unref(pairing.units);
	return pairing.pairs;
}

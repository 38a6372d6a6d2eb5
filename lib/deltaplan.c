/* SPDX-License-Identifier: MIT */
/* First the raw stream is put together: the streams' raw contents, then all other bytes in the
 * order of the blocks. Meanwhile it is noted what the base has that is like it, as "atoms". When
 * all are known, the ranges of the base that they name become the reference, and the atoms become
 * operations on it. */
#include "deltaplan.h"

#include <string.h>

enum {
	BLOCK = DELTAINDEX_BLOCK_SIZE,
	GAP_MAX = 64, /* so few bytes between two ranges are cheaper to read than to leave out */
};

enum atom_kind {
	ATOM_EXTRA,
	ATOM_BASE,
	ATOM_MEMBER,
};

struct atom {
	enum atom_kind kind;
	uint32_t member; /* which one */
	uint64_t at;     /* in the base, or in the member's raw content */
	uint64_t size_bytes;
};

/* A compressed stream of the base. */
struct member {
	uint32_t object;
	uint32_t part;
	uint64_t reference_at;
};

struct planning {
	const struct deltaplan_images *images;
	const struct deltaform_frame *frame;
	uint32_t number; /* of the frame, plus one */
	gboolean plain_only;
	struct deltaencode_plan *plan;
	GArray *atoms;
	GArray *members;
	GArray *ranges;     /* struct deltaencode_range: those of ATOM_BASE, sorted and merged */
	GArray *starts;     /* uint64_t: where in the reference each of these starts */
	uint64_t made_at;   /* end of the made stream so far */
	uint64_t placed_at; /* how much of it was placed or skipped */
};

static void atom_add(struct planning *planning, struct atom atom)
{
	struct atom *last = NULL;

	if (atom.size_bytes == 0)
		return;
	if (planning->atoms->len > 0)
		last = &g_array_index(planning->atoms, struct atom, planning->atoms->len - 1);
	if (last != NULL && last->kind == atom.kind && last->member == atom.member &&
	    (atom.kind == ATOM_EXTRA || last->at + last->size_bytes == atom.at))
		last->size_bytes += atom.size_bytes;
	else
		g_array_append_val(planning->atoms, atom);
}

static void extra_add(struct planning *planning, uint64_t size_bytes)
{
	atom_add(planning, (struct atom){ .kind = ATOM_EXTRA, .size_bytes = size_bytes });
}

static uint32_t member_find(struct planning *planning, uint32_t object, uint32_t part)
{
	const struct member member = { object, part, 0 };

	/* The one wanted is most often the last. */
	for (guint i = planning->members->len; i-- > 0;) {
		const struct member *other = &g_array_index(planning->members, struct member, i);

		if (other->object == object && other->part == part)
			return i;
	}
	g_array_append_val(planning->members, member);
	return planning->members->len - 1;
}

/* Bytes of an object of the base as they stand in the image. */
static void base_add(struct planning *planning, const struct deltacontent_object *object,
		     uint64_t at, uint64_t size_bytes)
{
	const uint64_t end = at + size_bytes;

	for (guint i = 0; i < object->extents->len && at < end; i++) {
		const struct deltacontent_extent *extent = &g_array_index(
			object->extents, struct deltacontent_extent, i);
		uint64_t size;

		if (extent->at + extent->size_bytes <= at)
			continue;
		if (extent->at > at) {
			const uint64_t hole = MIN(extent->at, end) - at;

			extra_add(planning, hole);
			at += hole;
			if (at == end)
				return;
		}
		size = MIN(extent->at + extent->size_bytes, end) - at;
		atom_add(planning, (struct atom){ .kind = ATOM_BASE,
						  .at = extent->image_offset + (at - extent->at),
						  .size_bytes = size });
		at += size;
	}
	extra_add(planning, end - at);
}

/* Bytes of the raw content of an object of the base that is open. */
static void raw_add(struct planning *planning, uint32_t number, uint64_t at, uint64_t size_bytes)
{
	const struct deltacontent_object *object = deltacontent_object(planning->images->base,
								       number);
	const uint64_t end = at + size_bytes;

	for (guint i = 0; i < object->parts->len && at < end; i++) {
		const struct deltacontent_part *part = &g_array_index(object->parts,
								      struct deltacontent_part, i);
		const uint64_t size = MIN(part->raw_at + part->raw_size, end) - at;

		if (part->raw_at + part->raw_size <= at)
			continue;
		if (part->kind == RECODE_NONE)
			base_add(planning, object, part->at + (at - part->raw_at), size);
		else if (planning->plain_only)
			extra_add(planning, size);
		else
			atom_add(planning,
				 (struct atom){ .kind = ATOM_MEMBER,
						.member = member_find(planning, number, i),
						.at = at - part->raw_at,
						.size_bytes = size });
		at += size;
	}
}

/* The match that describes the byte at `at` of the raw content. */
static guint match_find(const struct deltapair *pair, uint64_t at)
{
	guint low = 0, high = pair->match_starts->len;

	while (low + 1 < high) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(pair->match_starts, uint64_t, middle) <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* What is known of bytes of the raw content of an object of the new image. */
static void matches_add(struct planning *planning, const struct deltapair *pair, uint64_t at,
			uint64_t size_bytes)
{
	const uint64_t end = at + size_bytes;

	if (pair->matches == NULL) {
		extra_add(planning, size_bytes);
		return;
	}
	for (guint i = match_find(pair, at); at < end; i++) {
		const struct deltamatch *match = &g_array_index(pair->matches, struct deltamatch,
								i);
		const uint64_t start = g_array_index(pair->match_starts, uint64_t, i);
		const uint64_t add_end = start + match->add;
		const uint64_t match_end = add_end + match->extra;

		if (at < add_end) {
			const uint64_t size = MIN(add_end, end) - at;

			raw_add(planning, pair->base, match->old_at + (at - start), size);
			at += size;
		}
		if (at < MIN(match_end, end)) {
			extra_add(planning, MIN(match_end, end) - at);
			at = MIN(match_end, end);
		}
	}
}

/* Notes that the next bytes of the made stream go there; all between is skipped. */
static void placement_add(struct planning *planning, uint64_t size_bytes, uint64_t at)
{
	GArray *placements = planning->plan->placements;
	struct deltaencode_placement placement = {
		.skip = planning->made_at - planning->placed_at,
		.size_bytes = size_bytes,
		.at = at,
	};
	struct deltaencode_placement *last = NULL;

	planning->made_at += size_bytes;
	planning->placed_at = planning->made_at;
	if (placements->len > 0)
		last = &g_array_index(placements, struct deltaencode_placement,
				      placements->len - 1);
	if (last != NULL && placement.skip == 0 && last->at + last->size_bytes == at)
		last->size_bytes += size_bytes;
	else
		g_array_append_val(placements, placement);
}

/* Puts what an extent has of a stream into those blocks that this frame makes. */
static void stream_place(struct planning *planning, uint64_t offset, uint64_t size_bytes)
{
	while (size_bytes > 0) {
		const struct deltaform_place *place =
			&planning->images->form->places[offset / BLOCK];
		const uint64_t size = MIN(BLOCK - offset % BLOCK, size_bytes);

		if (place->frame == DELTAFORM_FIRST + planning->number - 1)
			placement_add(planning, size,
				      (uint64_t)place->index * BLOCK + offset % BLOCK);
		else
			planning->made_at += size;
		offset += size;
		size_bytes -= size;
	}
}

static void stream_add(struct planning *planning, const struct deltaform_stream *stream)
{
	const struct deltacontent_object *object = deltacontent_object(
		planning->images->new_content, stream->object);
	const struct deltacontent_part *part = &g_array_index(
		object->parts, struct deltacontent_part, stream->part);
	const struct deltaencode_piece piece = { part->kind, part->raw_size, part->size_bytes,
						 part->corrections->len };
	const uint64_t made_start = planning->made_at;

	g_array_append_val(planning->plan->pieces, piece);
	g_byte_array_append(planning->plan->corrections, part->corrections->data,
			    part->corrections->len);
	g_byte_array_append(planning->plan->raw, object->raw->data + part->raw_at,
			    (guint)part->raw_size);
	matches_add(planning,
		    &g_array_index(planning->images->pairs, struct deltapair, stream->object),
		    part->raw_at, part->raw_size);
	for (guint i = 0; i < object->extents->len; i++) {
		struct deltacontent_extent extent = g_array_index(object->extents,
								  struct deltacontent_extent, i);

		if (!deltacontent_extent_clip(&extent, part))
			continue;
		planning->made_at = made_start + (extent.at - part->at);
		stream_place(planning, extent.image_offset, extent.size_bytes);
	}
	planning->made_at = made_start + part->size_bytes;
}

/* Bytes that are put as they are, of one object. */
static void plain_add(struct planning *planning, const struct deltacontent_segment *segment,
		      uint64_t block_at)
{
	const struct deltapair *pair = &g_array_index(planning->images->pairs, struct deltapair,
						      segment->object);
	const struct deltacontent_object *object = deltacontent_object(
		planning->images->new_content, segment->object);
	const struct deltacontent *content = planning->images->new_content;

	for (uint64_t done = 0; done < segment->size_bytes;) {
		const uint64_t at = segment->at + done;
		const struct deltacontent_part *part = pair->is_same
							       ? NULL
							       : deltacontent_part_find(object, at);
		uint64_t size = segment->size_bytes - done;

		if (part != NULL)
			size = MIN(size, part->at + part->size_bytes - at);
		if (part != NULL && part->kind != RECODE_NONE && part->frame == planning->number) {
			done += size;
			continue; /* the stream was placed here */
		}
		if (part == NULL)
			base_add(planning, deltacontent_object(planning->images->base, pair->base),
				 at, size);
		else if (part->kind == RECODE_NONE)
			matches_add(planning, pair, part->raw_at + (at - part->at), size);
		else
			extra_add(planning, size);
		g_byte_array_append(planning->plan->raw,
				    content->image.bytes + segment->image_offset + done,
				    (guint)size);
		placement_add(planning, size, block_at + done);
		done += size;
	}
}

/* All bytes of a block but those of streams that this frame makes. */
static void block_add(struct planning *planning, uint32_t index)
{
	static const uint8_t ZEROS[BLOCK];
	const struct deltacontent *content = planning->images->new_content;
	const uint64_t offset = (uint64_t)g_array_index(planning->frame->blocks, uint32_t, index) *
				BLOCK;
	const uint64_t end = MIN(offset + BLOCK, content->image.size_bytes);
	const uint64_t block_at = (uint64_t)index * BLOCK;

	for (guint i = deltacontent_segment_find(content, offset); i < content->segments->len;
	     i++) {
		struct deltacontent_segment segment = g_array_index(content->segments,
								    struct deltacontent_segment, i);

		if (segment.image_offset >= end)
			break;
		if (deltacontent_segment_clip(&segment, offset, end))
			plain_add(planning, &segment, block_at + (segment.image_offset - offset));
	}
	if (end < offset + BLOCK) {
		g_byte_array_append(planning->plan->raw, ZEROS, (guint)(offset + BLOCK - end));
		extra_add(planning, offset + BLOCK - end);
		placement_add(planning, offset + BLOCK - end, block_at + (end - offset));
	}
}

static int range_compare(gconstpointer a, gconstpointer b)
{
	const struct deltaencode_range *one = a, *other = b;

	return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* The ranges that ATOM_BASE atoms need. */
static void ranges_collect(struct planning *planning)
{
	const uint64_t border = deltacontent_companion_at(planning->images->base);
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_range));
	uint64_t start = 0;

	for (guint i = 0; i < planning->atoms->len; i++) {
		const struct atom *atom = &g_array_index(planning->atoms, struct atom, i);
		const struct deltaencode_range range = { atom->at, atom->size_bytes };

		if (atom->kind == ATOM_BASE)
			g_array_append_val(all, range);
	}
	g_array_sort(all, range_compare);
	for (guint i = 0; i < all->len; i++) {
		const struct deltaencode_range range = g_array_index(all, struct deltaencode_range,
								     i);
		struct deltaencode_range *last =
			planning->ranges->len == 0
				? NULL
				: &g_array_index(planning->ranges, struct deltaencode_range,
						 planning->ranges->len - 1);

		if (last != NULL && range.offset <= last->offset + last->size_bytes + GAP_MAX &&
		    (last->offset < border) == (range.offset < border))
			last->size_bytes = MAX(last->size_bytes,
					       range.offset + range.size_bytes - last->offset);
		else
			g_array_append_val(planning->ranges, range);
	}
	for (guint i = 0; i < planning->ranges->len; i++) {
		g_array_append_val(planning->starts, start);
		start += g_array_index(planning->ranges, struct deltaencode_range, i).size_bytes;
	}
}

static void base_reference_add(struct planning *planning)
{
	struct deltaencode_plan *plan = planning->plan;
	const struct deltaencode_reference reference = { RECODE_NONE, planning->ranges->len, 0 };

	if (planning->ranges->len == 0)
		return;
	g_array_append_val(plan->references, reference);
	g_array_append_vals(plan->ranges, planning->ranges->data, planning->ranges->len);
	for (guint i = 0; i < planning->ranges->len; i++) {
		const struct deltaencode_range *range = &g_array_index(planning->ranges,
								       struct deltaencode_range, i);

		g_byte_array_append(plan->reference,
				    deltacontent_bytes(planning->images->base, range->offset),
				    (guint)range->size_bytes);
	}
}

/* A compressed stream may stand in several extents. It has no holes: it could be expanded, and
 * what a hole has is zeros, which no stream has many of; one that has is not referred to. */
static void member_reference_add(struct planning *planning, struct member *member)
{
	struct deltaencode_plan *plan = planning->plan;
	const struct deltacontent_object *object = deltacontent_object(planning->images->base,
								       member->object);
	const struct deltacontent_part *part = &g_array_index(
		object->parts, struct deltacontent_part, member->part);
	struct deltaencode_reference reference = { part->kind, 0, part->raw_size };

	member->reference_at = plan->reference->len;
	for (guint i = 0; i < object->extents->len; i++) {
		struct deltacontent_extent extent = g_array_index(object->extents,
								  struct deltacontent_extent, i);
		struct deltaencode_range range;

		if (!deltacontent_extent_clip(&extent, part))
			continue;
		range = (struct deltaencode_range){ extent.image_offset, extent.size_bytes };
		g_array_append_val(plan->ranges, range);
		reference.range_count++;
	}
	g_array_append_val(plan->references, reference);
	g_byte_array_append(plan->reference, object->raw->data + part->raw_at,
			    (guint)part->raw_size);
}

static uint64_t reference_find(const struct planning *planning, const struct atom *atom)
{
	guint low = 0, high = planning->ranges->len;

	if (atom->kind == ATOM_MEMBER)
		return g_array_index(planning->members, struct member, atom->member).reference_at +
		       atom->at;
	while (low + 1 < high) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(planning->ranges, struct deltaencode_range, middle).offset <=
		    atom->at)
			low = middle;
		else
			high = middle;
	}
	return g_array_index(planning->starts, uint64_t, low) +
	       (atom->at - g_array_index(planning->ranges, struct deltaencode_range, low).offset);
}

static void operations_make(struct planning *planning)
{
	struct deltaencode_operation operation = { 0, 0, 0 };

	for (guint i = 0; i < planning->atoms->len; i++) {
		const struct atom *atom = &g_array_index(planning->atoms, struct atom, i);
		uint64_t at;

		if (atom->kind == ATOM_EXTRA) {
			operation.extra += atom->size_bytes;
			continue;
		}
		at = reference_find(planning, atom);
		if (operation.extra == 0 && operation.add > 0 &&
		    operation.reference_at + operation.add == at) {
			operation.add += atom->size_bytes;
			continue;
		}
		if (operation.add + operation.extra > 0)
			g_array_append_val(planning->plan->operations, operation);
		operation = (struct deltaencode_operation){ at, atom->size_bytes, 0 };
	}
	if (operation.add + operation.extra > 0)
		g_array_append_val(planning->plan->operations, operation);
}

void deltaplan_make(const struct deltaplan_images *images, unsigned frame, gboolean plain_only,
		    struct deltaencode_plan *plan)
{
	struct planning planning = {
		.images = images,
		.frame = &g_array_index(images->form->frames, struct deltaform_frame, frame),
		.number = frame + 1,
		.plain_only = plain_only,
		.plan = plan,
		.atoms = g_array_new(FALSE, FALSE, sizeof(struct atom)),
		.members = g_array_new(FALSE, FALSE, sizeof(struct member)),
		.ranges = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_range)),
		.starts = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
	};

	for (guint i = 0; i < planning.frame->streams->len; i++)
		stream_add(&planning,
			   &g_array_index(planning.frame->streams, struct deltaform_stream, i));
	for (guint i = 0; i < planning.frame->blocks->len; i++)
		block_add(&planning, i);
	if (plan->pieces->len == 0)
		g_array_set_size(plan->placements, 0); /* all stands in order */
	ranges_collect(&planning);
	base_reference_add(&planning);
	for (guint i = 0; i < planning.members->len; i++)
		member_reference_add(&planning, &g_array_index(planning.members, struct member, i));
	operations_make(&planning);
	g_array_unref(planning.atoms);
	g_array_unref(planning.members);
	g_array_unref(planning.ranges);
	g_array_unref(planning.starts);
}

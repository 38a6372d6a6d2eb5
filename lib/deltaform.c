/* SPDX-License-Identifier: MIT */
/* Blocks are taken in the order of the image. One that holds bytes of a compressed stream draws
 * the stream's other blocks along (a file's tail may stand far from its body), and small streams
 * of these too. What does not fit any more is made as plain bytes where it stands. */
#include "deltaform.h"

enum {
	BLOCK = DELTAINDEX_BLOCK_SIZE,
	BLOCKS_MAX = DELTAINDEX_FRAME_BLOCKS_MAX,
	RAW_MAX = 14 << 20,
	REFERENCE_MAX = 22 << 20,
	TOTAL_MAX = 28 << 20,
	LZ4_REFERENCE = 16 << 20,   /* two blocks of the base, expanded */
	DRAWN_SIZE_MAX = 256 << 10, /* of a stream that is drawn along by another */
	DRAWN_TOTAL_MAX = 1 << 20,
	STREAMS_MAX = 4096, /* as many references again */
};

struct forming {
	const struct deltacontent *content;
	const GArray *pairs;
	struct deltaform *form;
	struct deltaform_frame closure; /* what the next block brings along */
};

static void frame_init(struct deltaform_frame *frame)
{
	*frame = (struct deltaform_frame){
		.blocks = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
		.streams = g_array_new(FALSE, FALSE, sizeof(struct deltaform_stream)),
	};
}

static void frame_done(gpointer data)
{
	struct deltaform_frame *frame = data;

	g_array_unref(frame->blocks);
	g_array_unref(frame->streams);
}

static struct deltaform_frame *last_frame(const struct forming *forming)
{
	GArray *frames = forming->form->frames;

	return &g_array_index(frames, struct deltaform_frame, frames->len - 1);
}

static void block_join(struct forming *forming, uint64_t block)
{
	struct deltaform_place *place = &forming->form->places[block];
	const uint32_t number = (uint32_t)block;

	if (place->frame != DELTAFORM_WAITING)
		return;
	place->frame = DELTAFORM_JOINED;
	g_array_append_val(forming->closure.blocks, number);
	forming->closure.raw_size += BLOCK;
	forming->closure.reference_size += BLOCK;
}

/* All blocks that hold bytes of the stream and are still to be made. */
static void stream_join(struct forming *forming, uint32_t number, uint32_t part_number)
{
	const struct deltacontent_object *object = deltacontent_object(forming->content, number);
	struct deltacontent_part *part = &g_array_index(object->parts, struct deltacontent_part,
							part_number);
	const struct deltaform_stream stream = { number, part_number };
	struct deltaform_frame *closure = &forming->closure;

	part->frame = forming->form->frames->len; /* the number of the last one, plus one */
	g_array_append_val(closure->streams, stream);
	closure->raw_size += part->raw_size;
	closure->reference_size += part->kind == RECODE_LZ4 ? LZ4_REFERENCE : 2 * part->raw_size;
	for (guint i = 0; i < object->extents->len; i++) {
		struct deltacontent_extent extent = g_array_index(object->extents,
								  struct deltacontent_extent, i);

		if (!deltacontent_extent_clip(&extent, part))
			continue;
		for (uint64_t block = extent.image_offset / BLOCK;
		     block <= (extent.image_offset + extent.size_bytes - 1) / BLOCK; block++)
			block_join(forming, block);
	}
}

/* Joins the streams that a segment has bytes of in a block. */
static void segment_join(struct forming *forming, const struct deltacontent_segment *segment,
			 uint64_t block, gboolean is_drawn)
{
	const struct deltapair *pair = &g_array_index(forming->pairs, struct deltapair,
						      segment->object);
	const struct deltacontent_object *object = deltacontent_object(forming->content,
								       segment->object);
	const uint64_t start = MAX(segment->image_offset, block * BLOCK);
	const uint64_t end = MIN(segment->image_offset + segment->size_bytes, (block + 1) * BLOCK);
	struct deltacontent_part *part;

	if (pair->is_same || object->parts == NULL || object->parts->len == 0)
		return;
	part = deltacontent_part_find(object, segment->at + (start - segment->image_offset));
	for (;
	     part < (struct deltacontent_part *)(void *)object->parts->data + object->parts->len &&
	     part->at < segment->at + (end - segment->image_offset);
	     part++) {
		const uint32_t number =
			(uint32_t)(part - (struct deltacontent_part *)(void *)object->parts->data);

		if (part->kind == RECODE_NONE || part->frame != 0)
			continue;
		if (is_drawn && (part->raw_size > DRAWN_SIZE_MAX ||
				 forming->closure.raw_size > DRAWN_TOTAL_MAX))
			continue;
		stream_join(forming, segment->object, number);
	}
}

static void closure_find(struct forming *forming, uint64_t block)
{
	const GArray *segments = forming->content->segments;

	block_join(forming, block);
	for (guint i = 0; i < forming->closure.blocks->len; i++) {
		const uint64_t next = g_array_index(forming->closure.blocks, uint32_t, i);
		guint j = deltacontent_segment_find(forming->content, next * BLOCK);

		for (; j < segments->len; j++) {
			const struct deltacontent_segment *segment = &g_array_index(
				segments, struct deltacontent_segment, j);

			if (segment->image_offset >= (next + 1) * BLOCK)
				break;
			if (segment->image_offset + segment->size_bytes > next * BLOCK)
				segment_join(forming, segment, next, i > 0);
		}
	}
}

static gboolean fits(const struct deltaform_frame *frame, const struct deltaform_frame *more)
{
	const uint64_t raw = frame->raw_size + more->raw_size;
	const uint64_t reference = frame->reference_size + more->reference_size;

	return frame->blocks->len + more->blocks->len <= BLOCKS_MAX &&
	       frame->streams->len + more->streams->len <= STREAMS_MAX && raw <= RAW_MAX &&
	       reference <= REFERENCE_MAX && raw + reference <= TOTAL_MAX;
}

/* Takes back all that the closure joined. */
static void closure_drop(struct forming *forming)
{
	struct deltaform_frame *closure = &forming->closure;

	for (guint i = 0; i < closure->blocks->len; i++)
		forming->form->places[g_array_index(closure->blocks, uint32_t, i)].frame =
			DELTAFORM_WAITING;
	for (guint i = 0; i < closure->streams->len; i++) {
		const struct deltaform_stream *stream = &g_array_index(closure->streams,
								       struct deltaform_stream, i);
		const struct deltacontent_object *object = deltacontent_object(forming->content,
									       stream->object);

		g_array_index(object->parts, struct deltacontent_part, stream->part).frame = 0;
	}
	g_array_set_size(closure->blocks, 0);
	g_array_set_size(closure->streams, 0);
	closure->raw_size = closure->reference_size = 0;
}

static void closure_take(struct forming *forming)
{
	struct deltaform_frame *frame = last_frame(forming);
	const struct deltaform_frame *closure = &forming->closure;

	for (guint i = 0; i < closure->blocks->len; i++) {
		const uint32_t block = g_array_index(closure->blocks, uint32_t, i);

		forming->form->places[block] = (struct deltaform_place){
			DELTAFORM_FIRST + forming->form->frames->len - 1,
			frame->blocks->len,
		};
		g_array_append_val(frame->blocks, block);
	}
	g_array_append_vals(frame->streams, closure->streams->data, closure->streams->len);
	frame->raw_size += closure->raw_size;
	frame->reference_size += closure->reference_size;
	g_array_set_size(forming->closure.blocks, 0);
	g_array_set_size(forming->closure.streams, 0);
	forming->closure.raw_size = forming->closure.reference_size = 0;
}

static void frame_start(struct forming *forming)
{
	struct deltaform_frame frame;

	frame_init(&frame);
	g_array_append_val(forming->form->frames, frame);
}

static void block_place(struct forming *forming, uint64_t block)
{
	closure_find(forming, block);
	if (!fits(last_frame(forming), &forming->closure)) {
		closure_drop(forming);
		if (last_frame(forming)->blocks->len > 0)
			frame_start(forming);
		closure_find(forming, block);
	}
	if (!fits(last_frame(forming), &forming->closure)) {
		closure_drop(forming);
		block_join(forming, block);
	}
	closure_take(forming);
}

void deltaform_init(struct deltaform *form, const struct deltacontent *new_content,
		    const GArray *pairs, const GArray *runs)
{
	struct forming forming = { .content = new_content, .pairs = pairs, .form = form };

	form->frames = g_array_new(FALSE, FALSE, sizeof(struct deltaform_frame));
	g_array_set_clear_func(form->frames, frame_done);
	form->places = g_new0(struct deltaform_place, deltascan_blocks(&new_content->image) + 1);
	for (guint i = 0; i < runs->len; i++) {
		const struct deltaindex_run *run = &g_array_index(runs, struct deltaindex_run, i);

		for (uint32_t j = 0; run->kind == DELTAINDEX_MADE && j < run->block_count; j++)
			form->places[run->first_block + j].frame = DELTAFORM_WAITING;
	}
	frame_init(&forming.closure);
	frame_start(&forming);
	for (uint64_t block = 0; block < deltascan_blocks(&new_content->image); block++)
		if (form->places[block].frame == DELTAFORM_WAITING)
			block_place(&forming, block);
	frame_done(&forming.closure);
	if (last_frame(&forming)->blocks->len == 0)
		g_array_set_size(form->frames, form->frames->len - 1);
}

void deltaform_done(struct deltaform *form)
{
	g_array_unref(form->frames);
	g_free(form->places);
}

/* SPDX-License-Identifier: MIT */
/* One pack (pack.h) with these numbers, column by column since likes pack better together:
 *
 *   format (1), new blocks, base blocks, runs, frames, outputs, blocks of the companion
 *   per run: kind + 4 * blocks
 *   per COPY run, signed: how much (from - first block) differs from that of the COPY run before
 *   per frame: stored size
 *   per frame: outputs
 *   per output, signed: first block - end of the output before
 *   per output: blocks */
#include "deltaindex.h"

#include "failure.h"
#include "pack.h"

enum { FORMAT = 1 };

struct deltaindex *deltaindex_new(uint32_t new_blocks, uint32_t base_blocks)
{
	struct deltaindex *index = g_new0(struct deltaindex, 1);

	index->new_blocks = new_blocks;
	index->base_blocks = base_blocks;
	index->runs = g_array_new(FALSE, TRUE, sizeof(struct deltaindex_run));
	index->frames = g_array_new(FALSE, TRUE, sizeof(struct deltaindex_frame));
	index->outputs = g_array_new(FALSE, TRUE, sizeof(struct deltaindex_output));
	return index;
}

void deltaindex_free(struct deltaindex *index)
{
	if (index == NULL)
		return;
	g_array_unref(index->runs);
	g_array_unref(index->frames);
	g_array_unref(index->outputs);
	g_free(index);
}

static struct deltaindex_run *run_at(const struct deltaindex *index, guint i)
{
	return &g_array_index(index->runs, struct deltaindex_run, i);
}

static struct deltaindex_frame *frame_at(const struct deltaindex *index, guint i)
{
	return &g_array_index(index->frames, struct deltaindex_frame, i);
}

static struct deltaindex_output *output_at(const struct deltaindex *index, guint i)
{
	return &g_array_index(index->outputs, struct deltaindex_output, i);
}

static void runs_encode(const struct deltaindex *index, GByteArray *to)
{
	int64_t shift = 0;

	for (guint i = 0; i < index->runs->len; i++)
		varint_append(to, run_at(index, i)->kind + 4ull * run_at(index, i)->block_count);
	for (guint i = 0; i < index->runs->len; i++) {
		const struct deltaindex_run *run = run_at(index, i);

		if (run->kind != DELTAINDEX_COPY)
			continue;
		varint_append_signed(to, (int64_t)run->from - run->first_block - shift);
		shift = (int64_t)run->from - run->first_block;
	}
}

static void frames_encode(const struct deltaindex *index, GByteArray *to)
{
	int64_t next = 0;

	for (guint i = 0; i < index->frames->len; i++)
		varint_append(to, frame_at(index, i)->stored_size);
	for (guint i = 0; i < index->frames->len; i++)
		varint_append(to, frame_at(index, i)->output_count);
	for (guint i = 0; i < index->outputs->len; i++) {
		const struct deltaindex_output *output = output_at(index, i);

		varint_append_signed(to, (int64_t)output->first_block - next);
		next = (int64_t)output->first_block + output->block_count;
	}
	for (guint i = 0; i < index->outputs->len; i++)
		varint_append(to, output_at(index, i)->block_count);
}

GByteArray *deltaindex_encode(const struct deltaindex *index)
{
	g_autoptr(GByteArray) numbers = g_byte_array_new();
	GByteArray *packed = g_byte_array_new();

	varint_append(numbers, FORMAT);
	varint_append(numbers, index->new_blocks);
	varint_append(numbers, index->base_blocks);
	varint_append(numbers, index->runs->len);
	varint_append(numbers, index->frames->len);
	varint_append(numbers, index->outputs->len);
	varint_append(numbers, index->companion_blocks);
	runs_encode(index, numbers);
	frames_encode(index, numbers);
	pack_append(packed, numbers->data, numbers->len);
	return packed;
}

/* NULL, or what is wrong. Kinds and counts; the places of COPY runs stand in a later column. */
static const char *runs_decode(struct deltaindex *index, struct varint_reader *reader)
{
	uint32_t next = 0;

	for (guint i = 0; i < index->runs->len; i++) {
		struct deltaindex_run *run = run_at(index, i);
		const uint64_t number = varint_read(reader);
		const uint64_t count = number / 4;

		if (number % 4 >= DELTAINDEX_KIND_COUNT)
			return "a run is of an unknown kind";
		if (count == 0 || count > index->new_blocks - next)
			return "the runs do not cover the image exactly";
		run->kind = (enum deltaindex_kind)(number % 4);
		run->first_block = next;
		run->block_count = (uint32_t)count;
		next += run->block_count;
	}
	return next == index->new_blocks ? NULL : "the runs do not cover the image exactly";
}

static const char *copies_decode(struct deltaindex *index, struct varint_reader *reader)
{
	int64_t shift = 0;

	for (guint i = 0; i < index->runs->len; i++) {
		struct deltaindex_run *run = run_at(index, i);
		int64_t change;

		if (run->kind != DELTAINDEX_COPY)
			continue;
		change = varint_read_signed(reader);
		if (change < -2 * DELTAINDEX_BLOCKS_MAX || change > 2 * DELTAINDEX_BLOCKS_MAX)
			return "a run lies outside of the base";
		shift += change;
		if (run->first_block + shift < 0 ||
		    run->first_block + shift + run->block_count > index->base_blocks)
			return "a run lies outside of the base";
		run->from = (uint32_t)(run->first_block + shift);
	}
	return NULL;
}

static const char *frames_decode(struct deltaindex *index, struct varint_reader *reader)
{
	uint64_t offset = 0;
	uint32_t first = 0;

	for (guint i = 0; i < index->frames->len; i++) {
		struct deltaindex_frame *frame = frame_at(index, i);

		frame->offset = offset;
		frame->stored_size = (uint32_t)varint_read_limited(reader,
								   DELTAINDEX_FRAME_STORED_MAX);
		if (frame->stored_size == 0)
			return "a frame has an impossible size";
		offset += frame->stored_size;
	}
	for (guint i = 0; i < index->frames->len; i++) {
		struct deltaindex_frame *frame = frame_at(index, i);

		frame->first_output = first;
		frame->output_count = (uint32_t)varint_read_limited(reader,
								    index->outputs->len - first);
		if (frame->output_count == 0)
			return "a frame has no output";
		first += frame->output_count;
	}
	return first == index->outputs->len ? NULL : "an output belongs to no frame";
}

static const char *outputs_decode(struct deltaindex *index, struct varint_reader *reader)
{
	int64_t next = 0;
	g_autofree int64_t *steps = g_new(int64_t, index->outputs->len + 1);

	for (guint i = 0; i < index->outputs->len; i++)
		steps[i] = varint_read_signed(reader);
	for (guint i = 0; i < index->outputs->len; i++) {
		struct deltaindex_output *output = output_at(index, i);

		output->block_count = (uint32_t)varint_read_limited(reader,
								    DELTAINDEX_FRAME_BLOCKS_MAX);
		if (output->block_count == 0 || steps[i] < -next ||
		    steps[i] > (int64_t)index->new_blocks - next - output->block_count)
			return "an output lies outside of the image";
		output->first_block = (uint32_t)(next + steps[i]);
		next += steps[i] + output->block_count;
	}
	return NULL;
}

/* Each MADE block is to be made once, and no other. */
static const char *outputs_check(struct deltaindex *index)
{
	g_autofree uint8_t *wanted = g_malloc0(index->new_blocks / 8 + 1);
	uint32_t left = 0;

	for (guint i = 0; i < index->runs->len; i++) {
		const struct deltaindex_run *run = run_at(index, i);

		if (run->kind != DELTAINDEX_MADE)
			continue;
		left += run->block_count;
		for (uint32_t j = 0; j < run->block_count; j++)
			wanted[(run->first_block + j) / 8] |= (uint8_t)(1 << (run->first_block +
									      j) % 8);
	}
	for (guint i = 0; i < index->outputs->len; i++) {
		const struct deltaindex_output *output = output_at(index, i);

		for (uint32_t j = 0; j < output->block_count; j++) {
			const uint32_t block = output->first_block + j;

			if ((wanted[block / 8] & 1 << block % 8) == 0)
				return "a block is made twice or without need";
			wanted[block / 8] &= (uint8_t) ~(1 << block % 8);
			left--;
		}
	}
	return left == 0 ? NULL : "a block is not made by any frame";
}

static const char *frames_check(struct deltaindex *index)
{
	for (guint i = 0; i < index->frames->len; i++) {
		struct deltaindex_frame *frame = frame_at(index, i);

		for (uint32_t j = 0; j < frame->output_count; j++) {
			frame->block_count +=
				output_at(index, frame->first_output + j)->block_count;
			if (frame->block_count > DELTAINDEX_FRAME_BLOCKS_MAX)
				return "a frame makes too many blocks";
		}
	}
	return NULL;
}

static const char *head_decode(struct deltaindex *index, struct varint_reader *reader)
{
	if (varint_read(reader) != FORMAT)
		return "it has another format than this program reads";
	index->new_blocks = (uint32_t)varint_read_limited(reader, DELTAINDEX_BLOCKS_MAX);
	index->base_blocks = (uint32_t)varint_read_limited(reader, DELTAINDEX_BLOCKS_MAX);
	g_array_set_size(index->runs, (guint)varint_read_limited(reader, DELTAINDEX_RUNS_MAX));
	g_array_set_size(index->frames, (guint)varint_read_limited(reader, DELTAINDEX_FRAMES_MAX));
	g_array_set_size(index->outputs,
			 (guint)varint_read_limited(reader, DELTAINDEX_OUTPUTS_MAX));
	index->companion_blocks = (uint32_t)varint_read_limited(reader, DELTAINDEX_BLOCKS_MAX);
	return reader->failed ? "a count is impossible" : NULL;
}

static const char *numbers_decode(struct deltaindex *index, struct varint_reader *reader)
{
	static const char *(*const STEPS[])(struct deltaindex *, struct varint_reader *) = {
		head_decode, runs_decode, copies_decode, frames_decode, outputs_decode,
	};
	const char *why;

	for (guint i = 0; i < G_N_ELEMENTS(STEPS); i++) {
		why = STEPS[i](index, reader);
		if (why != NULL)
			return why;
	}
	if (reader->failed)
		return "it ends early";
	if (reader->position != reader->size_bytes)
		return "it goes on behind its end";
	why = outputs_check(index);
	return why != NULL ? why : frames_check(index);
}

GByteArray *deltaindex_unpack(const uint8_t *bytes, size_t size_bytes, GError **error)
{
	struct varint_reader outer = { bytes, size_bytes, 0, FALSE };
	struct pack_stream stream;
	GByteArray *numbers;

	if (!pack_take(&outer, DELTAINDEX_UNPACKED_MAX, &stream) || outer.position != size_bytes) {
		failure_set(error, FAULT_DELTA_INDEX, "the delta index is not one pack");
		return NULL;
	}
	numbers = pack_unpack(&stream);
	if (numbers == NULL)
		failure_set(error, FAULT_DELTA_INDEX, "the delta index cannot be unpacked");
	return numbers;
}

gboolean deltaindex_parse(const uint8_t *numbers, size_t size_bytes, struct deltaindex **ret_index,
			  GError **error)
{
	g_autoptr(Deltaindex) index = deltaindex_new(0, 0);
	struct varint_reader reader = { numbers, size_bytes, 0, FALSE };
	const char *why = numbers_decode(index, &reader);

	if (why != NULL)
		return failure_set(error, FAULT_DELTA_INDEX, "the delta index is wrong: %s", why);
	*ret_index = g_steal_pointer(&index);
	return TRUE;
}

gboolean deltaindex_decode(const uint8_t *bytes, size_t size_bytes, struct deltaindex **ret_index,
			   GError **error)
{
	g_autoptr(GByteArray) numbers = deltaindex_unpack(bytes, size_bytes, error);

	return numbers != NULL && deltaindex_parse(numbers->data, numbers->len, ret_index, error);
}

uint64_t deltaindex_frames_size(const struct deltaindex *index)
{
	const struct deltaindex_frame *last;

	if (index->frames->len == 0)
		return 0;
	last = frame_at(index, index->frames->len - 1);
	return last->offset + last->stored_size;
}

/* SPDX-License-Identifier: MIT */
/* Delta indexes: as they are stored, and as the numbers that are packed in them. What is taken
 * is as its header says, each made block of one output, and is written so that it reads the
 * same. */
#include <string.h>

#include "deltaindex.h"
#include "fuzz.h"
#include "pack.h"

enum { MARKED_MAX = 1 << 16 }; /* blocks of an image that is looked at one by one */

#define RUN(index, i) g_array_index((index)->runs, struct deltaindex_run, (i))
#define FRAME(index, i) g_array_index((index)->frames, struct deltaindex_frame, (i))
#define OUTPUT(index, i) g_array_index((index)->outputs, struct deltaindex_output, (i))

static void runs_check(const struct deltaindex *index)
{
	uint64_t next = 0;

	for (guint i = 0; i < index->runs->len; i++) {
		const struct deltaindex_run *run = &RUN(index, i);

		promise(run->first_block == next && run->block_count > 0);
		promise(run->kind < DELTAINDEX_KIND_COUNT);
		promise(run->kind != DELTAINDEX_COPY ||
			(uint64_t)run->from + run->block_count <= index->base_blocks);
		next += run->block_count;
	}
	promise(next == index->new_blocks && next <= DELTAINDEX_BLOCKS_MAX);
}

static void frames_check(const struct deltaindex *index)
{
	uint64_t offset = 0;
	uint64_t output = 0;

	for (guint i = 0; i < index->frames->len; i++) {
		const struct deltaindex_frame *frame = &FRAME(index, i);
		uint64_t blocks = 0;

		promise(frame->offset == offset && frame->first_output == output);
		promise(frame->stored_size > 0 &&
			frame->stored_size <= DELTAINDEX_FRAME_STORED_MAX);
		for (guint k = 0; k < frame->output_count; k++)
			blocks += OUTPUT(index, output + k).block_count;
		promise(blocks == frame->block_count && blocks > 0 &&
			blocks <= DELTAINDEX_FRAME_BLOCKS_MAX);
		offset += frame->stored_size;
		output += frame->output_count;
	}
	promise(output == index->outputs->len && offset == deltaindex_frames_size(index));
}

/* Each block that is to be made is made once, and no other. */
static void outputs_check(const struct deltaindex *index)
{
	g_autofree uint8_t *made = NULL;

	if (index->new_blocks > MARKED_MAX)
		return;
	made = g_malloc0(index->new_blocks);
	for (guint i = 0; i < index->outputs->len; i++)
		for (uint32_t k = 0; k < OUTPUT(index, i).block_count; k++)
			made[OUTPUT(index, i).first_block + k]++;
	for (guint i = 0; i < index->runs->len; i++)
		for (uint32_t k = 0; k < RUN(index, i).block_count; k++)
			promise(made[RUN(index, i).first_block + k] ==
				(RUN(index, i).kind == DELTAINDEX_MADE));
}

static void decode(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Deltaindex) index = NULL;
	g_autoptr(Deltaindex) back = NULL;
	g_autoptr(GByteArray) text = NULL;
	g_autoptr(GByteArray) again = NULL;

	if (!deltaindex_decode(bytes, size_bytes, &index, NULL))
		return;
	runs_check(index);
	frames_check(index);
	outputs_check(index);
	text = deltaindex_encode(index);
	promise(deltaindex_decode(text->data, text->len, &back, NULL));
	again = deltaindex_encode(back);
	promise(text->len == again->len && memcmp(text->data, again->data, text->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GByteArray) packed = g_byte_array_new();
	const uint8_t kind = PACK_STORED;

	if (size_bytes > 0 && bytes[0] == 0) {
		decode(bytes + 1, size_bytes - 1);
		return 0;
	}
	/* No packer would find the way through; so the numbers are packed here. */
	varint_append(packed, size_bytes);
	g_byte_array_append(packed, &kind, 1);
	varint_append(packed, size_bytes);
	g_byte_array_append(packed, bytes, (guint)size_bytes);
	decode(packed->data, packed->len);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	/* Ten blocks: COPY 2, MADE 3, ZERO 1, COPY 1, MADE 3; two frames, three outputs. */
	static const uint8_t NUMBERS[] = { 1, 10,  8, 5, 2, 3,  9,  14, 4, 5, 14, 4,
					   1, 100, 7, 2, 1, 14, 15, 0,  3, 1, 2 };
	g_autoptr(GByteArray) packed = g_byte_array_new();

	if (number == 0) {
		memcpy(ret_bytes, NUMBERS, sizeof NUMBERS);
		return sizeof NUMBERS;
	}
	if (number > 1 || room < 64)
		return 0;
	pack_append(packed, NUMBERS, sizeof NUMBERS);
	ret_bytes[0] = 0;
	memcpy(ret_bytes + 1, packed->data, packed->len);
	return packed->len + 1;
}

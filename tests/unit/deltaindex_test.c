/* SPDX-License-Identifier: MIT */
#include "deltaindex.h"

#include <string.h>

#include "failure.h"
#include "pack.h"
#include "tap.h"

/* An index of ten blocks over a base of eight, as numbers. */
enum { COUNT = 24, STEPS_OF_COPIES = 12, STEPS_OF_OUTPUTS = 18 };
static const int64_t GOOD[COUNT] = {
	1,   10,  8, 5, 2,  3, /* format, new, base, runs, frames, outputs */
	6,                     /* blocks of the companion */
	9,   14,  4, 5, 14,    /* COPY 2, MADE 3, ZERO 1, COPY 1, MADE 3 */
	2,   -1,               /* blocks 0 and 1 are 2 and 3 there, block 6 is 7 there */
	100, 200,              /* sizes of the frames */
	2,   1,                /* how many outputs they have */
	7,   -8,  0,           /* these begin at blocks 7, 2, 3 */
	3,   1,   2,           /* and have so many */
};

static GByteArray *numbers_pack(const int64_t *numbers, unsigned count)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	GByteArray *packed = g_byte_array_new();

	for (unsigned i = 0; i < count; i++) {
		const gboolean is_signed = (i >= STEPS_OF_COPIES && i < STEPS_OF_COPIES + 2) ||
					   (i >= STEPS_OF_OUTPUTS && i < STEPS_OF_OUTPUTS + 3);

		if (is_signed)
			varint_append_signed(bytes, numbers[i]);
		else
			varint_append(bytes, (uint64_t)numbers[i]);
	}
	pack_append(packed, bytes->data, bytes->len);
	return packed;
}

static gboolean numbers_decode(const int64_t *numbers, unsigned count,
			       struct deltaindex **ret_index)
{
	g_autoptr(GByteArray) packed = numbers_pack(numbers, count);
	g_autoptr(GError) error = NULL;
	const gboolean done = deltaindex_decode(packed->data, packed->len, ret_index, &error);

	expect(done || failure_code(error) == FAULT_DELTA_INDEX);
	return done;
}

static void test_good(void)
{
	static const struct deltaindex_run RUNS[] = {
		{ 0, 2, 2, DELTAINDEX_COPY }, { 2, 3, 0, DELTAINDEX_MADE },
		{ 5, 1, 0, DELTAINDEX_ZERO }, { 6, 1, 7, DELTAINDEX_COPY },
		{ 7, 3, 0, DELTAINDEX_MADE },
	};
	static const struct deltaindex_output OUTPUTS[] = { { 7, 3 }, { 2, 1 }, { 3, 2 } };
	g_autoptr(Deltaindex) index = NULL;
	const struct deltaindex_frame *frames;

	expect(numbers_decode(GOOD, COUNT, &index));
	if (index == NULL)
		return;
	frames = (const struct deltaindex_frame *)(const void *)index->frames->data;
	expect(index->new_blocks == 10 && index->base_blocks == 8);
	expect(index->companion_blocks == 6);
	expect(index->runs->len == 5 && memcmp(index->runs->data, RUNS, sizeof RUNS) == 0);
	expect(index->outputs->len == 3 &&
	       memcmp(index->outputs->data, OUTPUTS, sizeof OUTPUTS) == 0);
	expect(index->frames->len == 2);
	expect(frames[0].offset == 0 && frames[0].stored_size == 100);
	expect(frames[0].first_output == 0 && frames[0].output_count == 2);
	expect(frames[0].block_count == 4);
	expect(frames[1].offset == 100 && frames[1].stored_size == 200);
	expect(frames[1].first_output == 2 && frames[1].output_count == 1);
	expect(frames[1].block_count == 2);
	expect(deltaindex_frames_size(index) == 300);
}

static void test_again(void)
{
	g_autoptr(Deltaindex) index = NULL;
	g_autoptr(GByteArray) packed = numbers_pack(GOOD, COUNT);
	g_autoptr(GByteArray) again = NULL;

	expect(numbers_decode(GOOD, COUNT, &index));
	if (index == NULL)
		return;
	again = deltaindex_encode(index);
	expect(again->len == packed->len && memcmp(again->data, packed->data, packed->len) == 0);
}

static void test_empty(void)
{
	g_autoptr(Deltaindex) index = deltaindex_new(0, 0);
	g_autoptr(GByteArray) packed = deltaindex_encode(index);
	g_autoptr(Deltaindex) again = NULL;

	expect(deltaindex_decode(packed->data, packed->len, &again, NULL));
	expect(again != NULL && again->runs->len == 0 && deltaindex_frames_size(again) == 0);
}

/* Each of these makes the index wrong. */
static const struct {
	unsigned at;
	int64_t number;
} WRONG[] = {
	{ 0, 2 }, /* another format */
	{ 1, 9 },
	{ 1, 11 }, /* runs do not cover the image */
	{ 1, DELTAINDEX_BLOCKS_MAX + 1 },
	{ 2, 7 }, /* block 7 is not in the base */
	{ 3, 4 },
	{ 3, 6 }, /* another count shifts all that follows */
	{ 3, DELTAINDEX_RUNS_MAX + 1 },
	{ 4, 1 },
	{ 4, 3 },
	{ 4, 1 << 17 },
	{ 5, 2 },
	{ 5, 4 },
	{ 5, 1 << 20 },
	{ 6, DELTAINDEX_BLOCKS_MAX + 1 },
	{ 7, 11 }, /* no such kind */
	{ 7, 1 },  /* no block */
	{ 8, 13 },
	{ 9, 6 },   /* made, but not wanted; wanted, but not made */
	{ 11, 18 }, /* more than the image has */
	{ 12, -1 },
	{ 12, 7 },
	{ 13, -9 }, /* outside of the base */
	{ 12, INT64_MAX },
	{ 12, INT64_MIN },
	{ 14, 0 },
	{ 15, DELTAINDEX_FRAME_STORED_MAX + 1 },
	{ 16, 0 },
	{ 16, 1 },
	{ 16, 3 },
	{ 17, 2 },
	{ 17, 1 << 30 },
	{ 18, 8 },
	{ 18, -1 },
	{ 19, -9 },
	{ 19, -11 },
	{ 20, 1 },
	{ 20, -3 },
	{ 18, INT64_MAX },
	{ 18, INT64_MIN },
	{ 21, 2 },
	{ 21, 4 },
	{ 21, 0 },
	{ 22, 2 },
	{ 23, DELTAINDEX_FRAME_BLOCKS_MAX + 1 },
};

static void test_wrong(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(WRONG); i++) {
		g_autoptr(Deltaindex) index = NULL;
		int64_t numbers[COUNT];

		memcpy(numbers, GOOD, sizeof numbers);
		numbers[WRONG[i].at] = WRONG[i].number;
		expect(!numbers_decode(numbers, COUNT, &index));
		if (index != NULL)
			printf("# case %u\n", i);
	}
}

static void test_cut(void)
{
	g_autoptr(GByteArray) packed = numbers_pack(GOOD, COUNT);

	for (unsigned count = 0; count < COUNT; count++) {
		g_autoptr(Deltaindex) index = NULL;

		expect(!numbers_decode(GOOD, count, &index));
	}
	for (size_t size = 0; size < packed->len; size++) {
		g_autoptr(Deltaindex) index = NULL;

		expect(!deltaindex_decode(packed->data, size, &index, NULL));
	}
}

static void test_longer(void)
{
	int64_t numbers[COUNT + 1];
	g_autoptr(Deltaindex) index = NULL;

	memcpy(numbers, GOOD, sizeof GOOD);
	numbers[COUNT] = 0;
	expect(!numbers_decode(numbers, COUNT + 1, &index));
}

/* 2049 blocks in two outputs of one frame. */
static void test_frame_too_large(void)
{
	for (uint32_t blocks = 2048; blocks <= 2049; blocks++) {
		g_autoptr(Deltaindex) index = deltaindex_new(blocks, 0);
		const struct deltaindex_run run = { 0, blocks, 0, DELTAINDEX_MADE };
		const struct deltaindex_frame frame = { 0, 1, 0, 2, blocks };
		const struct deltaindex_output outputs[] = { { 0, 1000 }, { 1000, blocks - 1000 } };
		g_autoptr(GByteArray) packed = NULL;
		g_autoptr(Deltaindex) again = NULL;

		g_array_append_val(index->runs, run);
		g_array_append_val(index->frames, frame);
		g_array_append_vals(index->outputs, outputs, 2);
		packed = deltaindex_encode(index);
		expect(deltaindex_decode(packed->data, packed->len, &again, NULL) ==
		       (blocks == 2048));
	}
}

static const struct tap_case CASES[] = {
	{ "every number arrives", test_good },
	{ "encoded again it is the same", test_again },
	{ "an empty image", test_empty },
	{ "impossible values are refused", test_wrong },
	{ "an index that ends early is refused", test_cut },
	{ "an index that goes on is refused", test_longer },
	{ "a frame has at most 2048 blocks", test_frame_too_large },
};
TAP_MAIN(CASES)

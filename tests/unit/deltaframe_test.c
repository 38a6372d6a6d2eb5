/* SPDX-License-Identifier: MIT */
/* Small frames, put together from numbers and bytes by hand, so that what is checked is the format
 * and not that reader and writer agree. The base is the bytes 0, 1, 2, ... 255. */
#include "deltaframe.h"

#include <string.h>

#include "deltaencode.h"
#include "deltaformat.h"
#include "failure.h"
#include "pack.h"
#include "tap.h"

enum { BASE_SIZE = 256, COLUMN_NUMBERS_MAX = 12, FLAG_END = 1 << 30 };

/* Columns as lists of numbers, each ended by FLAG_END. */
struct sample {
	uint8_t method;
	int64_t columns[DELTAFORMAT_COLUMN_COUNT][COLUMN_NUMBERS_MAX];
	const char *differences;
	size_t differences_size;
	const char *extras;
	size_t blocks_size;
	const char *blocks; /* NULL: is refused */
};

static gboolean base_read(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			  GError **error)
{
	const gboolean *broken = user_data;

	if (*broken)
		return failure_set(error, FAULT_DISK_READ, "the base is broken");
	for (size_t i = 0; i < size_bytes; i++)
		ret_bytes[i] = (uint8_t)(offset + i);
	return TRUE;
}

static gboolean number_is_signed(unsigned column, unsigned at)
{
	return column == DELTAFORMAT_RANGE_STEPS || column == DELTAFORMAT_SEEKS ||
	       (column == DELTAFORMAT_PLACEMENTS && at % 3 == 2);
}

static GByteArray *sample_encode(const struct sample *sample)
{
	const uint8_t head[] = { DELTAFORMAT, sample->method };
	g_autoptr(GByteArray) lists = g_byte_array_new();
	GByteArray *frame = g_byte_array_new();

	for (unsigned i = 0; i < DELTAFORMAT_COLUMN_COUNT; i++) {
		g_autoptr(GByteArray) column = g_byte_array_new();

		for (unsigned j = 0; sample->columns[i][j] != FLAG_END; j++)
			if (number_is_signed(i, j))
				varint_append_signed(column, sample->columns[i][j]);
			else
				varint_append(column, (uint64_t)sample->columns[i][j]);
		varint_append(lists, column->len);
		g_byte_array_append(lists, column->data, column->len);
	}
	g_byte_array_append(frame, head, sizeof head);
	pack_append(frame, lists->data, lists->len);
	pack_append(frame, (const uint8_t *)"", 0);
	pack_append(frame, (const uint8_t *)sample->differences, sample->differences_size);
	pack_append(frame, (const uint8_t *)sample->extras, strlen(sample->extras));
	return frame;
}

static gboolean sample_apply(const struct sample *sample, gboolean broken, uint8_t *blocks,
			     GError **error)
{
	g_autoptr(GByteArray) frame = sample_encode(sample);
	const struct deltaframe_base base = { base_read, NULL, &broken, BASE_SIZE };

	return deltaframe_apply(frame->data, frame->len, &base, blocks, sample->blocks_size, error);
}

#define END FLAG_END
/* "ABCDEFGH" and "abcd" of the base; "BCD" with 0, 1, 0 added, "!", then "abcd" and "?". */
#define PLAIN                                                                                      \
	{ 9, 1, 0, 0, 2, END }, { 0, 2, END }, { 'A', 'a' - 'I', END }, { 8, 4, END }, { END },    \
		{ END }, { 1, 4, END }, { 3, 4, END },                                             \
	{                                                                                          \
		1, 1, END                                                                          \
	}

static const struct sample GOOD[] = {
	{ DELTAFORMAT_DIFF, { PLAIN }, "\0\1\0\0\0\0\0", 7, "!?", 9, "BDD!abcd?" },
	/* nothing at all */
	{ DELTAFORMAT_DIFF,
	  { { 0, 0, 0, 0, 0, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  "" },
	/* placements: skip 1, two bytes to the end, then one to the front; the rest is left out */
	{ DELTAFORMAT_DIFF,
	  { { 5, 0, 1, 2, 1, END },
	    { END },
	    { END },
	    { END },
	    { 0, 2, END },
	    { 1, 2, 1, 0, 1, -3, END },
	    { 0, END },
	    { 0, END },
	    { 5, END } },
	  "",
	  0,
	  "12345",
	  3,
	  "423" },
};

static const struct sample WRONG[] = {
	/* extra bytes, differences that end early */
	{ DELTAFORMAT_DIFF, { PLAIN }, "\0\1\0\0\0\0\0", 7, "!", 9, NULL },
	{ DELTAFORMAT_DIFF, { PLAIN }, "\0\1\0\0\0\0", 6, "!?", 9, NULL },
	/* more blocks and fewer than it makes: left over is fine, missing is not */
	{ DELTAFORMAT_DIFF, { PLAIN }, "\0\1\0\0\0\0\0", 7, "!?", 10, NULL },
	/* an unknown method */
	{ DELTAFORMAT_METHOD_COUNT, { PLAIN }, "\0\1\0\0\0\0\0", 7, "!?", 9, NULL },
	/* a range behind the end of the base, one before its start, a size that is too large */
	{ DELTAFORMAT_DIFF,
	  { { 1, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { 256, END },
	    { 1, END },
	    { END },
	    { END },
	    { 0, END },
	    { 1, END },
	    { 0, END } },
	  "\0",
	  1,
	  "",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 1, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { -1, END },
	    { 1, END },
	    { END },
	    { END },
	    { 0, END },
	    { 1, END },
	    { 0, END } },
	  "\0",
	  1,
	  "",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 1, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { 0, END },
	    { 257, END },
	    { END },
	    { END },
	    { 0, END },
	    { 1, END },
	    { 0, END } },
	  "\0",
	  1,
	  "",
	  1,
	  NULL },
	/* an operation that reads behind the reference, before it, one too long, one too short */
	{ DELTAFORMAT_DIFF,
	  { { 1, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { 0, END },
	    { 4, END },
	    { END },
	    { END },
	    { 4, END },
	    { 1, END },
	    { 0, END } },
	  "\0",
	  1,
	  "",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 1, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { 0, END },
	    { 4, END },
	    { END },
	    { END },
	    { -1, END },
	    { 1, END },
	    { 0, END } },
	  "\0",
	  1,
	  "",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 1, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { 0, END },
	    { 4, END },
	    { END },
	    { END },
	    { 0, END },
	    { 2, END },
	    { 0, END } },
	  "\0\0",
	  2,
	  "",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 2, 1, 0, 0, 1, END },
	    { 0, 1, END },
	    { 0, END },
	    { 4, END },
	    { END },
	    { END },
	    { 0, END },
	    { 1, END },
	    { 0, END } },
	  "\0",
	  1,
	  "",
	  2,
	  NULL },
	/* counts above what may be; a list that ends early */
	{ DELTAFORMAT_DIFF,
	  { { DELTAFRAME_RAW_MAX + 1, 0, 0, 0, 0, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 0, 1, 0, 0, 0, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 0, 1, 0, 0, 0, END },
	    { 0, 1, END },
	    { 0, END },
	    { DELTAFRAME_REFERENCE_MAX + 1, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  NULL },
	{ DELTAFORMAT_DIFF, /* reference and raw stream are each allowed, but not together */
	  { { DELTAFRAME_RAW_MAX, 1, 0, 0, 0, END },
	    { 1, 0, DELTAFRAME_REFERENCE_MAX, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  NULL },
	{ DELTAFORMAT_DIFF, /* unknown transforms, of a reference and of a piece */
	  { { 0, 1, 0, 0, 0, END },
	    { 99, 0, 0, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 0, 0, 1, 0, 0, END },
	    { END },
	    { END },
	    { END },
	    { 99, 0, 0, 0, END },
	    { END },
	    { END },
	    { END },
	    { END } },
	  "",
	  0,
	  "",
	  0,
	  NULL },
	{ DELTAFORMAT_DIFF, /* a piece of more than the raw stream has */
	  { { 1, 0, 1, 0, 1, END },
	    { END },
	    { END },
	    { END },
	    { 0, 2, END },
	    { END },
	    { 0, END },
	    { 0, END },
	    { 1, END } },
	  "",
	  0,
	  "x",
	  1,
	  NULL },
	/* placements outside of the blocks: behind, before, too long */
	{ DELTAFORMAT_DIFF,
	  { { 1, 0, 0, 1, 1, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { 0, 1, 1, END },
	    { 0, END },
	    { 0, END },
	    { 1, END } },
	  "",
	  0,
	  "x",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 1, 0, 0, 1, 1, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { 0, 1, -1, END },
	    { 0, END },
	    { 0, END },
	    { 1, END } },
	  "",
	  0,
	  "x",
	  1,
	  NULL },
	{ DELTAFORMAT_DIFF,
	  { { 2, 0, 0, 1, 1, END },
	    { END },
	    { END },
	    { END },
	    { END },
	    { 0, 2, 0, END },
	    { 0, END },
	    { 0, END },
	    { 2, END } },
	  "",
	  0,
	  "xx",
	  1,
	  NULL },
};

static void test_good(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(GOOD); i++) {
		uint8_t blocks[16] = "................";

		expect(sample_apply(&GOOD[i], FALSE, blocks, NULL));
		expect(memcmp(blocks, GOOD[i].blocks, GOOD[i].blocks_size) == 0);
		expect(blocks[GOOD[i].blocks_size] == '.');
	}
}

static void test_wrong(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(WRONG); i++) {
		g_autoptr(GError) error = NULL;
		uint8_t blocks[16];
		const gboolean done = sample_apply(&WRONG[i], FALSE, blocks, &error);

		expect(!done);
		expect(done || failure_code(error) == FAULT_DELTA_FRAME);
		if (done)
			printf("# case %u\n", i);
	}
}

static void test_broken_base(void)
{
	g_autoptr(GError) error = NULL;
	uint8_t blocks[16];

	expect(!sample_apply(&GOOD[0], TRUE, blocks, &error));
	expect(failure_code(error) == FAULT_DISK_READ);
}

/* Either method, through the writer; what is written is cut everywhere too. */
static void test_writer(void)
{
	static const char NEW[] = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ and then some more, which is new";
	struct deltaencode_plan plan;
	const struct deltaencode_reference reference = { RECODE_NONE, 1, 0 };
	const struct deltaencode_range range = { '@', 27 };
	const struct deltaencode_operation operation = { 0, 27, sizeof NEW - 27 };
	gboolean broken = FALSE;
	const struct deltaframe_base base = { base_read, NULL, &broken, BASE_SIZE };
	g_autoptr(GByteArray) frame = NULL;
	uint8_t blocks[sizeof NEW];

	deltaencode_plan_init(&plan);
	g_array_append_val(plan.references, reference);
	g_array_append_val(plan.ranges, range);
	g_array_append_val(plan.operations, operation);
	g_byte_array_append(plan.reference, (const uint8_t *)NEW, 27);
	g_byte_array_append(plan.raw, (const uint8_t *)NEW, sizeof NEW);
	for (unsigned all = 0; all < 2; all++) {
		g_clear_pointer(&frame, g_byte_array_unref);
		frame = deltaencode_frame(
			&plan, &(struct deltaencode_effort){ .try_all = all == 1, .line_kb = 1 });
		memset(blocks, 0, sizeof blocks);
		expect(deltaframe_apply(frame->data, frame->len, &base, blocks, sizeof blocks,
					NULL));
		expect(memcmp(blocks, NEW, sizeof NEW) == 0);
		for (size_t size = 0; size < frame->len; size++)
			(void)deltaframe_apply(frame->data, size, &base, blocks, sizeof blocks,
					       NULL); /* only reads outside of it would count */
	}
	deltaencode_plan_done(&plan);
}

static const struct tap_case CASES[] = {
	{ "frames written by hand", test_good },
	{ "impossible frames are refused", test_wrong },
	{ "the base's failure is told", test_broken_base },
	{ "what the writer writes", test_writer },
};
TAP_MAIN(CASES)

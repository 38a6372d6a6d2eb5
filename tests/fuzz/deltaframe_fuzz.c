/* SPDX-License-Identifier: MIT */
/* Delta frames over a base of 4 KiB, into half a KiB, so that each is quick. */
#include <string.h>

#include "deltaencode.h"
#include "deltaframe.h"
#include "fuzz.h"

enum { BASE_SIZE = 4096, BLOCKS_SIZE = 512 };

static gboolean base_read(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			  GError **error)
{
	if (offset > BASE_SIZE || size_bytes > BASE_SIZE - offset)
		__builtin_trap();
	for (size_t i = 0; i < size_bytes; i++)
		ret_bytes[i] = (uint8_t)((offset + i) * 7);
	return TRUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static uint8_t blocks[BLOCKS_SIZE];
	const struct deltaframe_base base = { base_read, NULL, NULL, BASE_SIZE };

	(void)deltaframe_apply(bytes, size_bytes, &base, blocks, sizeof blocks,
			       NULL); /* only crashes count */
	return 0;
}

/* One reference of two ranges, two operations and two placements. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	const struct deltaencode_reference reference = { RECODE_NONE, 2, 0 };
	const struct deltaencode_range ranges[] = { { 10, 100 }, { 3000, 1000 } };
	const struct deltaencode_operation operations[] = { { 0, 90, 10 }, { 200, 100, 312 } };
	const struct deltaencode_placement placements[] = { { 0, 256, 256 }, { 0, 256, 0 } };
	struct deltaencode_plan plan;
	g_autoptr(GByteArray) frame = NULL;
	size_t size = 0;

	if (number > 1)
		return 0;
	deltaencode_plan_init(&plan);
	g_array_append_val(plan.references, reference);
	g_array_append_vals(plan.ranges, ranges, 2);
	g_array_append_vals(plan.operations, operations, 2);
	g_array_append_vals(plan.placements, placements, 2);
	g_byte_array_set_size(plan.reference, 1100);
	memset(plan.reference->data, 'r', 1100);
	g_byte_array_set_size(plan.raw, BLOCKS_SIZE);
	memset(plan.raw->data, 'n', BLOCKS_SIZE);
	frame = deltaencode_frame(
		&plan, &(struct deltaencode_effort){ .try_all = number == 1, .line_kb = 1 });
	deltaencode_plan_done(&plan);
	if (frame->len <= room) {
		memcpy(ret_bytes, frame->data, frame->len);
		size = frame->len;
	}
	return size;
}

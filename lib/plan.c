/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <string.h>

struct plan *plan_new(uint64_t blocks)
{
	struct plan *plan = g_malloc(sizeof *plan + blocks);

	memset(plan, 0, sizeof *plan);
	plan->blocks = blocks;
	plan->ranges = g_array_new(FALSE, FALSE, sizeof(struct source_range));
	plan->requests = g_array_new(FALSE, FALSE, sizeof(struct source_range));
	memset(plan->origins, PLAN_FETCH, blocks);
	return plan;
}

void plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	g_array_unref(plan->ranges);
	g_array_unref(plan->requests);
	g_free(plan);
}

gboolean plan_has(const struct plan *plan, uint64_t first, uint64_t count, enum plan_origin origin)
{
	return memchr(plan->origins + first, origin, count) != NULL;
}

gboolean plan_wants(const struct plan *plan, const struct deltaindex *delta,
		    const struct deltaindex_frame *frame)
{
	for (uint32_t i = 0; i < frame->output_count; i++) {
		const struct deltaindex_output *output = &g_array_index(
			delta->outputs, struct deltaindex_output, frame->first_output + i);

		if (plan_has(plan, output->first_block, output->block_count, PLAN_MAKE))
			return TRUE;
	}
	return FALSE;
}

static void range_add(struct plan *plan, uint64_t offset, uint64_t size_bytes)
{
	struct source_range *last = plan->ranges->len > 0
					    ? &g_array_index(plan->ranges, struct source_range,
							     plan->ranges->len - 1)
					    : NULL;
	const struct source_range range = { offset, size_bytes };

	if (size_bytes == 0)
		return;
	plan->frame_bytes += size_bytes;
	if (last != NULL && last->offset + last->size_bytes == offset)
		last->size_bytes += size_bytes;
	else
		g_array_append_val(plan->ranges, range);
}

static void plan_count(struct plan *plan)
{
	memset(plan->counts, 0, sizeof plan->counts);
	for (uint64_t block = 0; block < plan->blocks; block++)
		plan->counts[plan->origins[block]]++;
	plan->frame_bytes = 0;
	g_array_set_size(plan->ranges, 0);
}

static void requests_join(struct plan *plan)
{
	struct source_range *requests;

	g_array_set_size(plan->requests, 0);
	g_array_append_vals(plan->requests, plan->ranges->data, plan->ranges->len);
	requests = (struct source_range *)plan->requests->data;
	g_array_set_size(plan->requests,
			 (guint)ranges_coalesce(requests, plan->requests->len, RANGES_GAP_BYTES,
						RANGES_COUNT_MAX));
	plan->request_bytes = 0;
	for (guint i = 0; i < plan->requests->len; i++)
		plan->request_bytes +=
			g_array_index(plan->requests, struct source_range, i).size_bytes;
}

void plan_close(struct plan *plan, const struct frameindex *frames, uint64_t offset)
{
	struct frame_entry entry = { 0 };

	plan_count(plan);
	while (frameindex_next(frames, &entry))
		if (plan_has(plan, entry.first_block, entry.block_count, PLAN_FETCH))
			range_add(plan, offset + entry.offset, entry.stored_size);
	requests_join(plan);
}

void plan_close_delta(struct plan *plan, const struct deltaindex *delta, uint64_t offset)
{
	plan_count(plan);
	for (guint i = 0; i < delta->frames->len; i++) {
		const struct deltaindex_frame *frame = &g_array_index(delta->frames,
								      struct deltaindex_frame, i);

		if (plan_wants(plan, delta, frame))
			range_add(plan, offset + frame->offset, frame->stored_size);
	}
	requests_join(plan);
}

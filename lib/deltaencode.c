/* SPDX-License-Identifier: MIT */
#include "deltaencode.h"

#include "deltaformat.h"
#include "deltamix.h"
#include "frame.h"
#include "pack.h"

enum {
	ZSTD_LEVEL = 19,
	MIX_CHOICES_PER_MS = 6000, /* that a device makes, more or less */
};

void deltaencode_plan_init(struct deltaencode_plan *plan)
{
	plan->references = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_reference));
	plan->ranges = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_range));
	plan->pieces = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_piece));
	plan->placements = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_placement));
	plan->operations = g_array_new(FALSE, FALSE, sizeof(struct deltaencode_operation));
	plan->corrections = g_byte_array_new();
	plan->reference = g_byte_array_new();
	plan->raw = g_byte_array_new();
}

void deltaencode_plan_done(struct deltaencode_plan *plan)
{
	g_array_unref(plan->references);
	g_array_unref(plan->ranges);
	g_array_unref(plan->pieces);
	g_array_unref(plan->placements);
	g_array_unref(plan->operations);
	g_byte_array_unref(plan->corrections);
	g_byte_array_unref(plan->reference);
	g_byte_array_unref(plan->raw);
}

static void references_list(const struct deltaencode_plan *plan, GByteArray *columns[])
{
	uint64_t end = 0;

	for (guint i = 0; i < plan->references->len; i++) {
		const struct deltaencode_reference *reference = &g_array_index(
			plan->references, struct deltaencode_reference, i);

		varint_append(columns[DELTAFORMAT_REFERENCES], reference->kind);
		varint_append(columns[DELTAFORMAT_REFERENCES], reference->range_count);
		if (reference->kind != RECODE_NONE)
			varint_append(columns[DELTAFORMAT_REFERENCES], reference->expanded_size);
	}
	for (guint i = 0; i < plan->ranges->len; i++) {
		const struct deltaencode_range *range = &g_array_index(plan->ranges,
								       struct deltaencode_range, i);

		varint_append_signed(columns[DELTAFORMAT_RANGE_STEPS],
				     (int64_t)(range->offset - end));
		varint_append(columns[DELTAFORMAT_RANGE_SIZES], range->size_bytes);
		end = range->offset + range->size_bytes;
	}
}

static void pieces_list(const struct deltaencode_plan *plan, GByteArray *columns[])
{
	uint64_t end = 0;

	for (guint i = 0; i < plan->pieces->len; i++) {
		const struct deltaencode_piece *piece = &g_array_index(plan->pieces,
								       struct deltaencode_piece, i);

		varint_append(columns[DELTAFORMAT_PIECES], piece->kind);
		varint_append(columns[DELTAFORMAT_PIECES], piece->raw_size);
		if (piece->kind == RECODE_NONE)
			continue;
		varint_append(columns[DELTAFORMAT_PIECES], piece->made_size);
		varint_append(columns[DELTAFORMAT_PIECES], piece->corrections_size);
	}
	for (guint i = 0; i < plan->placements->len; i++) {
		const struct deltaencode_placement *placement = &g_array_index(
			plan->placements, struct deltaencode_placement, i);

		varint_append(columns[DELTAFORMAT_PLACEMENTS], placement->skip);
		varint_append(columns[DELTAFORMAT_PLACEMENTS], placement->size_bytes);
		varint_append_signed(columns[DELTAFORMAT_PLACEMENTS],
				     (int64_t)(placement->at - end));
		end = placement->at + placement->size_bytes;
	}
}

static void operations_list(const struct deltaencode_plan *plan, GByteArray *columns[])
{
	uint64_t end = 0;

	for (guint i = 0; i < plan->operations->len; i++) {
		const struct deltaencode_operation *operation = &g_array_index(
			plan->operations, struct deltaencode_operation, i);

		varint_append_signed(columns[DELTAFORMAT_SEEKS],
				     (int64_t)(operation->reference_at - end));
		varint_append(columns[DELTAFORMAT_ADDS], operation->add);
		varint_append(columns[DELTAFORMAT_EXTRAS], operation->extra);
		end = operation->reference_at + operation->add;
	}
}

/* Everything but the raw stream. */
static GByteArray *head_encode(const struct deltaencode_plan *plan, enum deltaformat_method method,
			       uint32_t line_kb)
{
	const uint8_t kind[] = { DELTAFORMAT, (uint8_t)method };
	const guint operation_count = method == DELTAFORMAT_ZSTD ? 0 : plan->operations->len;
	GByteArray *columns[DELTAFORMAT_COLUMN_COUNT];
	GByteArray *counts, *frame = g_byte_array_new();
	g_autoptr(GByteArray) lists = g_byte_array_new();

	for (unsigned i = 0; i < DELTAFORMAT_COLUMN_COUNT; i++)
		columns[i] = g_byte_array_new();
	counts = columns[DELTAFORMAT_COUNTS];
	varint_append(counts, plan->raw->len);
	varint_append(counts, plan->references->len);
	varint_append(counts, plan->pieces->len);
	varint_append(counts, plan->placements->len);
	varint_append(counts, operation_count);
	references_list(plan, columns);
	pieces_list(plan, columns);
	if (operation_count > 0)
		operations_list(plan, columns);
	for (unsigned i = 0; i < DELTAFORMAT_COLUMN_COUNT; i++) {
		varint_append(lists, columns[i]->len);
		g_byte_array_append(lists, columns[i]->data, columns[i]->len);
		g_byte_array_unref(columns[i]);
	}
	g_byte_array_append(frame, kind, sizeof kind);
	pack_append_line(frame, lists->data, lists->len, line_kb);
	pack_append_line(frame, plan->corrections->data, plan->corrections->len, line_kb);
	return frame;
}

static GByteArray *zstd_encode(const struct deltaencode_plan *plan, uint32_t line_kb)
{
	const struct frame_reference reference = { plan->reference->data, plan->reference->len };
	GByteArray *frame = head_encode(plan, DELTAFORMAT_ZSTD, line_kb);
	const guint size = frame->len;

	g_byte_array_set_size(frame, size + (guint)frame_bound(plan->raw->len));
	g_byte_array_set_size(frame, size + (guint)frame_compress_from(&reference, plan->raw->data,
								       plan->raw->len, ZSTD_LEVEL,
								       frame->data + size));
	return frame;
}

static GByteArray *diff_encode(const struct deltaencode_plan *plan, uint32_t line_kb)
{
	GByteArray *frame = head_encode(plan, DELTAFORMAT_DIFF, line_kb);
	g_autoptr(GByteArray) differences = g_byte_array_sized_new(plan->raw->len);
	g_autoptr(GByteArray) extras = g_byte_array_new();
	const uint8_t *raw = plan->raw->data;

	for (guint i = 0; i < plan->operations->len; i++) {
		const struct deltaencode_operation *operation = &g_array_index(
			plan->operations, struct deltaencode_operation, i);
		const uint8_t *from = plan->reference->data + operation->reference_at;
		const guint before = differences->len;

		g_byte_array_set_size(differences, before + (guint)operation->add);
		for (uint64_t j = 0; j < operation->add; j++)
			differences->data[before + j] = (uint8_t)(raw[j] - from[j]);
		g_byte_array_append(extras, raw + operation->add, (guint)operation->extra);
		raw += operation->add + operation->extra;
	}
	g_assert(raw == plan->raw->data + plan->raw->len);
	pack_append_line(frame, differences->data, differences->len, line_kb);
	pack_append_line(frame, extras->data, extras->len, line_kb);
	return frame;
}

static GByteArray *mix_encode(const struct deltaencode_plan *plan, uint32_t line_kb,
			      uint64_t *ret_choices)
{
	const struct frame_reference reference = { plan->reference->data, plan->reference->len };
	GByteArray *frame = head_encode(plan, DELTAFORMAT_MIX, line_kb);
	g_autoptr(Deltamix) mix = deltamix_new(&reference, plan->raw->data, NULL, 0);
	g_autoptr(GByteArray) mixed = NULL;

	for (guint i = 0; i < plan->operations->len; i++) {
		const struct deltaencode_operation *operation = &g_array_index(
			plan->operations, struct deltaencode_operation, i);

		deltamix_add(mix, operation->reference_at, operation->add);
		deltamix_extra(mix, operation->extra);
	}
	*ret_choices = deltamix_choices(mix);
	mixed = deltamix_finish(mix);
	g_byte_array_append(frame, mixed->data, mixed->len);
	return frame;
}

/* Whether to fetch what mixing saves takes longer than to unmix. */
static gboolean mix_pays(guint saved_bytes, uint64_t choices, uint32_t line_kb)
{
	return choices * line_kb <= (uint64_t)saved_bytes * MIX_CHOICES_PER_MS;
}

GByteArray *deltaencode_frame(const struct deltaencode_plan *plan,
			      const struct deltaencode_effort *effort)
{
	g_autoptr(GByteArray) best = diff_encode(plan, effort->line_kb);
	uint64_t choices = 0;
	g_autoptr(GByteArray) mixed = mix_encode(plan, effort->line_kb, &choices);
	g_autoptr(GByteArray) other = effort->try_all ? zstd_encode(plan, effort->line_kb) : NULL;

	g_debug("frame: raw %u reference %u operations %u: diff %u mix %u (%" G_GUINT64_FORMAT
		" choices) zstd %u",
		plan->raw->len, plan->reference->len, plan->operations->len, best->len, mixed->len,
		choices, other != NULL ? other->len : 0);
	if (other != NULL && other->len < best->len) {
		g_clear_pointer(&best, g_byte_array_unref);
		best = g_steal_pointer(&other);
	}
	if (mixed->len < best->len && mix_pays(best->len - mixed->len, choices, effort->line_kb))
		return g_steal_pointer(&mixed);
	return g_steal_pointer(&best);
}

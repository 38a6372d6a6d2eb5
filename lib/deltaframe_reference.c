/* SPDX-License-Identifier: MIT */
/* The reference of a frame: measured, then gathered in memory, or read where operations need it. */
#include "deltaframe_private.h"
#include "largemem.h"
#include "recode.h"

/* Ranges that are worth a list; what has more is gathered. */
enum { RANGES_MAX = 1 << 15 };

/* One reference: its ranges are still to be read. */
struct reference_head {
	uint64_t kind;
	uint64_t range_count;
	uint64_t expanded_size; /* of a compressed one */
};

static gboolean reference_head_read(struct varint_reader *reader, struct reference_head *ret_head)
{
	struct reference_head head = { .kind = varint_read(reader) };

	head.range_count = varint_read_limited(reader, DELTAFRAME_LISTS_MAX);
	if (head.kind != RECODE_NONE)
		head.expanded_size = varint_read_limited(reader, DELTAFRAME_REFERENCE_MAX);
	*ret_head = head;
	return !reader->failed;
}

/* Adds up what the ranges of a reference have together. */
static const char *ranges_measure(struct varint_reader *sizes, uint64_t range_count,
				  uint64_t *ret_size)
{
	uint64_t size = 0;

	for (uint64_t i = 0; i < range_count; i++) {
		size += varint_read_limited(sizes, DELTAFRAME_REFERENCE_MAX);
		if (sizes->failed || size > DELTAFRAME_REFERENCE_MAX)
			return "its references are too large";
	}
	*ret_size = size;
	return NULL;
}

/* The size of the whole reference, from copies of the columns, which are read again later. */
const char *deltaframe_references_measure(struct applying *applying)
{
	struct varint_reader references = applying->columns[DELTAFORMAT_REFERENCES];
	struct varint_reader sizes = applying->columns[DELTAFORMAT_RANGE_SIZES];
	uint64_t total = 0, gathered = 0, recoded_count = 0, range_count = 0;

	for (uint64_t i = 0; i < applying->reference_count; i++) {
		struct reference_head head;
		uint64_t size;
		const char *why;

		if (!reference_head_read(&references, &head))
			return "its references end early";
		why = ranges_measure(&sizes, head.range_count, &size);
		if (why != NULL)
			return why;
		if (head.kind != RECODE_NONE && (size > DELTAFRAME_RECODED_MAX ||
						 ++recoded_count > DELTAFRAME_RECODED_COUNT_MAX))
			return "its compressed references are too large or too many";
		gathered += size;
		total += head.kind != RECODE_NONE ? head.expanded_size : size;
		range_count += head.range_count;
		if (total > DELTAFRAME_REFERENCE_MAX || gathered > DELTAFRAME_REFERENCE_MAX)
			return "its references are too large";
	}
	applying->reference.size_bytes = (size_t)total;
	applying->is_late = applying->method == DELTAFORMAT_DIFF && recoded_count == 0 &&
			    range_count <= RANGES_MAX;
	if (total + applying->raw_size + applying->stored_size > DELTAFRAME_WORKING_MAX)
		return "it takes too much memory";
	return NULL;
}

/* The next range of the base, whose offset comes from the column. */
static const char *range_next(struct applying *applying, struct deltaframe_range *range)
{
	const uint64_t base_size = applying->base->size_bytes;
	const int64_t step = varint_read_signed(&applying->columns[DELTAFORMAT_RANGE_STEPS]);

	range->size_bytes = varint_read(&applying->columns[DELTAFORMAT_RANGE_SIZES]);
	range->offset = applying->range_end + (uint64_t)step;
	if (range->offset > base_size || range->size_bytes > base_size - range->offset)
		return "a reference lies outside of the base";
	applying->range_end = range->offset + range->size_bytes;
	return NULL;
}

static gboolean base_read(struct applying *applying, uint64_t offset, uint8_t *to,
			  uint64_t size_bytes)
{
	const struct deltaframe_base *base = applying->base;

	return size_bytes == 0 ||
	       base->read(base->user_data, offset, to, (size_t)size_bytes, &applying->error);
}

/* Reads the next ranges of the base to `to`, which has room for them: they were measured. */
static const char *ranges_gather(struct applying *applying, uint64_t range_count, uint8_t *to)
{
	for (uint64_t i = 0; i < range_count; i++) {
		struct deltaframe_range range;
		const char *why = range_next(applying, &range);

		if (why != NULL)
			return why;
		if (!base_read(applying, range.offset, to, range.size_bytes))
			return "the base cannot be read";
		to += range.size_bytes;
	}
	return NULL;
}

static const char *reference_expand(struct applying *applying, const struct reference_head *head,
				    uint8_t *to)
{
	struct varint_reader sizes = applying->columns[DELTAFORMAT_RANGE_SIZES];
	g_autoptr(LargeBytes) packed = NULL;
	uint64_t size;
	const char *why = ranges_measure(&sizes, head->range_count, &size);

	if (why != NULL)
		return why;
	if (head->kind >= RECODE_KIND_COUNT)
		return "a reference is of an unknown kind";
	packed = largemem_new(size);
	why = ranges_gather(applying, head->range_count, packed);
	if (why != NULL)
		return why;
	return recode_expand((enum recode_kind)head->kind, packed, (size_t)size, to,
			     (size_t)head->expanded_size);
}

static const char *references_gather(struct applying *applying)
{
	uint8_t *to;

	applying->reference_bytes = largemem_new(applying->reference.size_bytes);
	applying->reference.bytes = applying->reference_bytes;
	to = applying->reference_bytes;
	for (uint64_t i = 0; i < applying->reference_count; i++) {
		struct varint_reader sizes = applying->columns[DELTAFORMAT_RANGE_SIZES];
		struct reference_head head;
		uint64_t size;
		const char *why;

		if (!reference_head_read(&applying->columns[DELTAFORMAT_REFERENCES], &head))
			return "its references end early";
		why = ranges_measure(&sizes, head.range_count, &size);
		if (why == NULL && head.kind == RECODE_NONE)
			why = ranges_gather(applying, head.range_count, to);
		else if (why == NULL)
			why = reference_expand(applying, &head, to);
		if (why != NULL)
			return why;
		to += head.kind == RECODE_NONE ? size : head.expanded_size;
	}
	return NULL;
}

static const char *references_list(struct applying *applying)
{
	uint64_t at = 0;

	applying->ranges = g_array_new(FALSE, FALSE, sizeof(struct deltaframe_range));
	for (uint64_t i = 0; i < applying->reference_count; i++) {
		struct reference_head head;

		if (!reference_head_read(&applying->columns[DELTAFORMAT_REFERENCES], &head))
			return "its references end early";
		for (uint64_t k = 0; k < head.range_count; k++) {
			struct deltaframe_range range = { .at = at };
			const char *why = range_next(applying, &range);

			if (why != NULL)
				return why;
			at += range.size_bytes;
			if (range.size_bytes > 0)
				g_array_append_val(applying->ranges, range);
		}
	}
	return NULL;
}

gboolean deltaframe_reads_late(const struct applying *applying)
{
	return applying->is_late;
}

const char *deltaframe_references_take(struct applying *applying)
{
	return deltaframe_reads_late(applying) ? references_list(applying)
					       : references_gather(applying);
}

/* The last range that begins at or before `at`. */
static guint range_find(const GArray *ranges, uint64_t at)
{
	guint low = 0;
	guint high = ranges->len;

	while (high - low > 1) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(ranges, struct deltaframe_range, middle).at <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

const uint8_t *deltaframe_reference_read(struct applying *applying, uint64_t at, uint8_t *scratch,
					 size_t size_bytes)
{
	const GArray *ranges = applying->ranges;
	size_t done = 0;

	if (ranges == NULL)
		return applying->reference.bytes + at;
	for (guint i = range_find(ranges, at); done < size_bytes; i++) {
		const struct deltaframe_range *range = &g_array_index(ranges,
								      struct deltaframe_range, i);
		const uint64_t skip = at + done - range->at;
		const uint64_t count = MIN(size_bytes - done, range->size_bytes - skip);

		if (!base_read(applying, range->offset + skip, scratch + done, count))
			return NULL;
		done += count;
	}
	return scratch;
}

/* SPDX-License-Identifier: MIT */
#include "pieces.h"

static gboolean range_is_usable(const struct source_range *range)
{
	return range->size_bytes > 0 && range->size_bytes <= UINT64_MAX - range->offset;
}

static gboolean cutting_is_polite(const struct pieces *pieces, uint64_t cut_bytes, size_t count_max)
{
	uint64_t requests = 0;

	for (size_t i = 0; i < pieces->count && requests <= count_max; i++)
		requests += (pieces->ranges[i].size_bytes - 1) / cut_bytes + 1;
	return requests <= count_max;
}

void pieces_set(struct pieces *pieces, const struct source_range *ranges, size_t count,
		uint64_t cut_bytes, size_t count_max)
{
	pieces_clear(pieces);
	pieces->ranges = g_new(struct source_range, count);
	for (size_t i = 0; i < count; i++)
		if (range_is_usable(&ranges[i]))
			pieces->ranges[pieces->count++] = ranges[i];
	pieces->cut_bytes = cutting_is_polite(pieces, cut_bytes, count_max) ? cut_bytes
									    : UINT64_MAX;
}

void pieces_clear(struct pieces *pieces)
{
	g_free(pieces->ranges);
	*pieces = (struct pieces){ .cut_bytes = UINT64_MAX };
}

gboolean pieces_peek(const struct pieces *pieces, struct source_range *ret_piece)
{
	const struct source_range *range = pieces->ranges + pieces->index;

	if (pieces->index == pieces->count)
		return FALSE;
	ret_piece->offset = range->offset + pieces->done_bytes;
	ret_piece->size_bytes = MIN(range->size_bytes - pieces->done_bytes, pieces->cut_bytes);
	return TRUE;
}

void pieces_drop(struct pieces *pieces)
{
	struct source_range piece;

	if (!pieces_peek(pieces, &piece))
		return;
	pieces->done_bytes += piece.size_bytes;
	if (pieces->done_bytes < pieces->ranges[pieces->index].size_bytes)
		return;
	pieces->index++;
	pieces->done_bytes = 0;
}

gboolean pieces_seek(struct pieces *pieces, uint64_t offset)
{
	uint64_t done_bytes = pieces->done_bytes;

	for (size_t i = pieces->index; i < pieces->count; i++, done_bytes = 0) {
		const struct source_range *range = &pieces->ranges[i];

		if (offset < range->offset + done_bytes ||
		    offset >= range->offset + range->size_bytes)
			continue;
		pieces->index = i;
		pieces->done_bytes = offset - range->offset;
		return TRUE;
	}
	return FALSE;
}

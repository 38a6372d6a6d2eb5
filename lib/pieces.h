/* SPDX-License-Identifier: MIT */
#pragma once
/* Pieces: what was announced, cut into requests, in order. Pure but for the memory.
 *
 * Long ranges are cut into pieces of equal size, so that several are on the way at once, unless
 * that would make more requests than is polite: then they stay whole, as streams. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "ranges.h"

struct pieces {
	struct source_range *ranges; /* owned */
	size_t count;
	size_t index;        /* the range that the next piece is of; `count`: no more */
	uint64_t done_bytes; /* of that range */
	uint64_t cut_bytes;  /* longer ranges are cut to this; UINT64_MAX: no range is */
};

/* Takes over for what was there before. Ranges that are empty or end behind UINT64_MAX are left
 * out. count_max: so many requests at most for cutting ranges to cut_bytes. */
void pieces_set(struct pieces *pieces, const struct source_range *ranges, size_t count,
		uint64_t cut_bytes, size_t count_max);
void pieces_clear(struct pieces *pieces);

/* FALSE: there is none. The piece stays the next one until pieces_drop(). */
gboolean pieces_peek(const struct pieces *pieces, struct source_range *ret_piece);
void pieces_drop(struct pieces *pieces);

/* Goes forward to the piece that starts with the byte at `offset`; FALSE, and nothing happens, if
 * none of the pieces to come has it. */
gboolean pieces_seek(struct pieces *pieces, uint64_t offset);

/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of deltaframe share: a frame that is being applied, and its reference.
 * Functions give NULL, or why the frame cannot be applied. */

#include "deltaformat.h"
#include "deltaframe.h"
#include "frame.h"
#include "pack.h"

/* A part of the reference, and where the base has it. */
struct deltaframe_range {
	uint64_t at;
	uint64_t offset;
	uint64_t size_bytes;
};

struct applying {
	const uint8_t *stored;
	size_t stored_size;
	const struct deltaframe_base *base;
	uint8_t *blocks;
	size_t blocks_size;

	enum deltaformat_method method;
	GByteArray *lists;
	GByteArray *corrections;
	struct varint_reader columns[DELTAFORMAT_COLUMN_COUNT];
	struct pack_stream differences, extras;
	struct frame_reference reference;
	uint8_t *reference_bytes; /* what `reference` names; NULL: not gathered */
	GArray *ranges;           /* struct deltaframe_range, instead of that */
	uint8_t *raw;             /* the blocks, or: */
	uint8_t *raw_owned;
	size_t raw_size;
	uint64_t reference_count, piece_count, placement_count, operation_count;
	uint64_t range_end; /* of the range that was read last */
	gboolean is_late;   /* see deltaframe_reads_late() */
	GError *error;      /* of the base */
};

/* The size of the whole reference, in applying->reference.size_bytes. */
const char *deltaframe_references_measure(struct applying *applying);
/* The reference is read where an operation has need of it, and takes no memory. */
gboolean deltaframe_reads_late(const struct applying *applying);
/* Gathers the reference, or finds out where it is; takes the columns. */
const char *deltaframe_references_take(struct applying *applying);
/* Those bytes, which are inside: in `scratch`, which has room for them, or elsewhere. NULL with
 * applying->error if the base cannot be read. */
const uint8_t *deltaframe_reference_read(struct applying *applying, uint64_t at, uint8_t *scratch,
					 size_t size_bytes);

/* Makes the blocks out of the raw stream. */
const char *deltaframe_pieces_make(struct applying *applying);

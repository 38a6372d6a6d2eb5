/* SPDX-License-Identifier: MIT */
#pragma once
/* Writes delta frames: what a frame shall do, as values, becomes the bytes that deltaframe_apply()
 * reads, by the method and with the packers that make it smallest. */

#include <glib.h>
#include <stdint.h>

#include "recode.h"

/* Ranges of the base, one after another in `ranges`, that are one reference. */
struct deltaencode_reference {
	enum recode_kind kind;
	unsigned range_count;
	uint64_t expanded_size; /* unless kind is RECODE_NONE */
};

struct deltaencode_range {
	uint64_t offset;
	uint64_t size_bytes;
};

struct deltaencode_piece {
	enum recode_kind kind;
	uint64_t raw_size;
	uint64_t made_size;        /* unless kind is RECODE_NONE */
	uint64_t corrections_size; /* likewise */
};

struct deltaencode_placement {
	uint64_t skip;
	uint64_t size_bytes;
	uint64_t at;
};

/* `add` bytes that are like those of the reference, then `extra` bytes that are like none. */
struct deltaencode_operation {
	uint64_t reference_at;
	uint64_t add;
	uint64_t extra;
};

struct deltaencode_plan {
	GArray *references; /* struct deltaencode_reference */
	GArray *ranges;     /* struct deltaencode_range, of all references */
	GArray *pieces;     /* struct deltaencode_piece; what they leave of `raw` is as it is */
	GArray *placements; /* struct deltaencode_placement; none: all in order */
	GArray *operations; /* struct deltaencode_operation: they make up all of `raw` */
	GByteArray *corrections; /* of all pieces */
	GByteArray *reference;   /* the reference, gathered and expanded */
	GByteArray *raw;         /* the raw stream */
};

void deltaencode_plan_init(struct deltaencode_plan *plan);
void deltaencode_plan_done(struct deltaencode_plan *plan);

/* What a frame may cost. */
struct deltaencode_effort {
	gboolean try_all; /* of whoever makes it: slower packers are tried too */
	/* Of a device: thousands of bytes per second of the slowest line that the delta is for; at
	 * least 1. What takes long to decode is used where it saves more time than it takes. */
	uint32_t line_kb;
};

/* The caller frees. */
GByteArray *deltaencode_frame(const struct deltaencode_plan *plan,
			      const struct deltaencode_effort *effort);

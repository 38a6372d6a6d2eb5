/* SPDX-License-Identifier: MIT */
#pragma once
/* Forms frames: which frame makes which blocks of the new image, and which compressed streams, so
 * that each keeps its limits and a stream's blocks are made where the stream is. */

#include "deltapair.h"

struct deltaform_stream {
	uint32_t object;
	uint32_t part;
};

struct deltaform_frame {
	GArray *blocks;          /* uint32_t, in the order of the output */
	GArray *streams;         /* struct deltaform_stream */
	uint64_t raw_size;       /* at most */
	uint64_t reference_size; /* about */
};

enum {
	DELTAFORM_UNMADE,  /* copied, or zeros */
	DELTAFORM_WAITING, /* while frames are formed */
	DELTAFORM_JOINED,  /* likewise */
	DELTAFORM_FIRST,   /* plus the number of the frame */
};

/* What makes a block, as above, and which of that frame's blocks it is. */
struct deltaform_place {
	uint32_t frame;
	uint32_t index;
};

struct deltaform {
	GArray *frames;                 /* struct deltaform_frame */
	struct deltaform_place *places; /* of each block of the new image */
};

void deltaform_init(struct deltaform *form, const struct deltacontent *new_content,
		    const GArray *pairs, const GArray *runs);
void deltaform_done(struct deltaform *form);

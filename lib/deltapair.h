/* SPDX-License-Identifier: MIT */
#pragma once
/* Pairs: each object of the new image that has bytes to be made, with the object of the base that
 * is most like it, and how the one follows from the other. */

#include "deltacontent.h"
#include "deltamatch.h"

struct deltapair {
	gboolean is_wanted; /* has bytes in MADE blocks */
	gboolean has_base;  /* there is something like it */
	uint32_t base;      /* which object of the base */
	gboolean is_same;   /* its bytes to be made stand in the base's object, at the same places,
	                        but for zeros behind that one's end; neither object is open */
	GArray *matches;    /* struct deltamatch of the raw contents; NULL if is_same */
	GArray *match_starts; /* uint64_t: where in the raw content each match starts */
};

/* One struct deltapair for each object of `new_content`. Opens the objects that it compares. */
GArray *deltapair_all(struct deltacontent *base, struct deltacontent *new_content,
		      const GArray *runs, unsigned jobs);

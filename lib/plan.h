/* SPDX-License-Identifier: MIT */
#pragma once
/* Plans: where each block of an image will come from, and what has to be fetched for it. A plan is
 * a value: making one reads trees and tables, and writes nothing. */

#include <glib.h>
#include <stdint.h>

#include "deltaindex.h"
#include "frameindex.h"
#include "source.h"

enum plan_origin {
	PLAN_KEEP,  /* should stand in its place already; hashed before that is believed */
	PLAN_ZERO,  /* zeros: written only where there are none */
	PLAN_COPY,  /* stands somewhere in the seed: the other slot */
	PLAN_FETCH, /* comes out of a frame of the full payload */
	PLAN_MAKE,  /* comes out of a frame of a delta */
	PLAN_DONE,  /* has been dealt with */
	PLAN_ORIGIN_COUNT
};

struct plan {
	uint64_t blocks;
	uint64_t counts[PLAN_ORIGIN_COUNT]; /* as planned; not changed by plan_set() afterwards */
	uint64_t frame_bytes;               /* stored bytes of the frames that are wanted */
	GArray *ranges;   /* of struct source_range, rising: where those stand in the bundle */
	GArray *requests; /* the same, joined as a web server should be asked */
	uint64_t request_bytes; /* of the requests: with what is fetched over */
	uint8_t origins[];      /* enum plan_origin per block */
};
typedef struct plan Plan; /* for g_autoptr() only */

/* One byte per block. All are to be fetched. */
struct plan *plan_new(uint64_t blocks);
void plan_free(struct plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

static inline enum plan_origin plan_get(const struct plan *plan, uint64_t block)
{
	return (enum plan_origin)plan->origins[block];
}

/* May be called for different blocks by different threads. */
static inline void plan_set(struct plan *plan, uint64_t block, enum plan_origin origin)
{
	plan->origins[block] = (uint8_t)origin;
}

/* Whether any of the blocks comes from there. */
gboolean plan_has(const struct plan *plan, uint64_t first, uint64_t count, enum plan_origin origin);

/* Counts the origins, and lists the ranges of the frames from which blocks are wanted. `offset` is
 * where the section of frames starts in the bundle. */
void plan_close(struct plan *plan, const struct frameindex *frames, uint64_t offset);
void plan_close_delta(struct plan *plan, const struct deltaindex *delta, uint64_t offset);

/* A frame of a delta is wanted if any of its blocks is. */
gboolean plan_wants(const struct plan *plan, const struct deltaindex *delta,
		    const struct deltaindex_frame *frame);

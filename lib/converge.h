/* SPDX-License-Identifier: MIT */
#pragma once
/* Converge: makes a slot hash to its signed root.
 *
 * The steps are called in this order; each may be called again after a failure, a kill or a power
 * cut, and what is right already is kept:
 *   converge_start       looks at what the target and the seed hold
 *   converge_delta_index reads the bundle's delta against the seed, if it has one, and plans
 *   converge_delta_apply makes the image from the seed and the delta; `is_right` tells whether it
 *                        came out. If it did not, the full payload follows:
 *   converge_parents     finds out which leaf hashes the seed has already
 *   converge_leaves      the bundle's leaf hashes become the slot's tree; refused unless they give
 *                        the signed root
 *   converge_index       reads the frame index, and plans
 *   converge_blocks      copies what the seed has, fetches the rest; each block is checked before
 *                        it is written, and read from the medium again soon after
 *   converge_finish      flushes, and reads the tree from the medium, up to the root
 * For a plan alone, nothing is written before converge_delta_apply() and with `plan_only` set.
 *
 * While it works, the superblock's block carries a mark with the root that is wanted: what stands
 * in the tree is then part of that work, and not of the release that was there before. */

#include <gio/gio.h>
#include <glib.h>

#include "bundle.h"
#include "deltaindex.h"
#include "disk.h"
#include "manifest.h"
#include "plan.h"
#include "seed.h"
#include "veritree.h"

struct workers;

/* One image in its place on a disk: data, superblock, tree. */
struct converge_place {
	struct disk *disk;
	uint64_t offset; /* bytes; where block 0 stands */
	const struct manifest_image *image;
	struct veritree tree; /* veritree_init() of the image's blocks */
};

struct converge_stats {
	uint64_t fetched_blocks; /* taken out of frames of the full payload */
	uint64_t made_blocks;    /* taken out of frames of a delta */
	uint64_t copied_blocks;  /* taken from the seed */
	uint64_t kept_blocks;    /* were right already, zeros too */
	uint64_t zero_blocks;    /* had to become zeros */
	uint64_t wrong_blocks;   /* did not have their hash where they should */
	uint64_t tree_blocks;    /* of the tree, written because they were wrong */
	uint64_t written_bytes;  /* data and tree */
};

struct converge_progress {
	const char *step;
	uint64_t done_bytes; /* of the image */
	uint64_t total_bytes;
};
typedef void (*converge_report)(const struct converge_progress *progress, gpointer user_data);

struct converge {
	struct converge_place target;
	const struct converge_place *seed; /* the other slot's; NULL: none */
	const struct converge_place *old;  /* what the target held before; NULL: unknown */
	const struct converge *companion;  /* made before: a delta may refer to it; NULL: none */
	const struct bundle *bundle;       /* NULL: none */
	const char *payload;               /* its name in the bundle */
	gboolean plan_only;
	gboolean one_thread;    /* the caller's does it all, in order */
	converge_report report; /* may be NULL; called by the caller's thread only */
	gpointer user_data;
	GCancellable *cancellable;     /* may be NULL */
	const struct workers *workers; /* that decode; NULL: this process does */
	struct converge_stats stats;
	/* What the steps leave for each other. */
	struct plan *plan;
	struct seed *seed_table;
	struct seed *old_keys;
	struct frameindex *frames;
	GBytes *dictionary;
	GBytes *parents; /* hashes of the blocks of leaf hashes; NULL: not read */
	uint32_t *
		leaf_origins; /* of each of those blocks, see converge_leaves.c; NULL: the bundle */
	struct deltaindex *delta; /* NULL: none that fits */
	GError *delta_failure;    /* why the delta did not give the image; NULL otherwise */
	gboolean is_right;        /* all blocks and the tree are */
};

/* FAULT_PART_SMALL if image and tree do not fit the disk from `offset` on. */
gboolean converge_place_init(struct converge_place *place, struct disk *disk, uint64_t offset,
			     const struct manifest_image *image, GError **error);

void converge_start(struct converge *converge);
gboolean converge_delta_index(struct converge *converge, GError **error);
gboolean converge_delta_apply(struct converge *converge, GError **error);
/* Of a web server: finds out which leaf hashes need not be fetched, if the bundle tells. */
gboolean converge_parents(struct converge *converge, GError **error);
gboolean converge_leaves(struct converge *converge, GError **error);
gboolean converge_index(struct converge *converge, GError **error);
gboolean converge_blocks(struct converge *converge, GError **error);
gboolean converge_finish(struct converge *converge, GError **error);
void converge_done(struct converge *converge);

/* Appends what converge_leaves() will read of the bundle's section. */
void converge_leaf_ranges(const struct converge *converge, const struct bundle_section *section,
			  GArray *ranges);

/* The dictionary stands before the indexes in a stream: read it after all leaf hashes. */
gboolean converge_dictionary(struct converge *converge, GError **error);

/* Reads a whole place from the medium and checks it up to the root, without writing; uses
 * target, report, user_data, cancellable. FAULT_CONVERGE_READBACK says how many blocks are wrong,
 * and which is the first; stats.wrong_blocks and stats.tree_blocks have the numbers. */
gboolean converge_verify(struct converge *converge, GError **error);

/* Heals a place that should hold the image already: tree blocks out of the blocks below them, data
 * out of the seed and then out of the bundle, if there is one. Nothing is written that is right.
 * FAULT_CONVERGE_UNHEALED if a block is left that no source has. */
gboolean converge_repair(struct converge *converge, GError **error);

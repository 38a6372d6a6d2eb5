/* SPDX-License-Identifier: MIT */
#pragma once
/* Converge: makes a slot hash to its signed root.
 *
 * The steps are called in this order, each of them may be called again after a failure, a kill or
 * a power cut, and what is right already is kept:
 *   converge_leaves   the bundle's leaf hashes become the slot's tree; refused unless they give
 *                     the signed root
 *   converge_local    every block that is wrong is taken from the seed where its tree has that
 *                     hash, or is zero; what is left is noted as missing
 *   converge_frames   the missing blocks are fetched, each checked before it is written
 *   converge_readback everything is flushed and read from the medium again, up to the root */

#include <gio/gio.h>
#include <glib.h>

#include "bundle.h"
#include "disk.h"
#include "manifest.h"
#include "veritree.h"

/* One image in its place on a disk: data, superblock, tree. */
struct converge_place {
	struct disk *disk;
	uint64_t offset; /* bytes; where block 0 stands */
	const struct manifest_image *image;
	struct veritree tree; /* veritree_init() of the image's blocks */
};

struct converge_stats {
	uint64_t fetched_blocks; /* taken out of frames */
	uint64_t copied_blocks;  /* taken from the seed */
	uint64_t kept_blocks;    /* were right already */
	uint64_t zero_blocks;    /* written as zeros */
	uint64_t written_bytes;  /* data and tree */
};

typedef void (*converge_progress)(const char *step, uint64_t done_bytes, uint64_t total_bytes,
				  gpointer user_data);

struct converge {
	struct converge_place target;
	const struct converge_place *seed; /* NULL: none */
	const struct bundle *bundle;
	const char *payload;        /* its name in the bundle */
	converge_progress progress; /* may be NULL */
	gpointer user_data;
	GCancellable *cancellable; /* may be NULL */
	struct converge_stats stats;
	GArray *frames;   /* of struct bundle_frame; set by converge_index() */
	uint8_t *missing; /* one bit per block; set by converge_local() */
	uint64_t missing_count;
};

/* FAULT_PART_SMALL if image and tree do not fit the disk from `offset` on. */
gboolean converge_place_init(struct converge_place *place, struct disk *disk, uint64_t offset,
			     const struct manifest_image *image, GError **error);

gboolean converge_leaves(struct converge *converge, GError **error);
gboolean converge_index(struct converge *converge, GError **error);
gboolean converge_local(struct converge *converge, GError **error);
gboolean converge_frames(struct converge *converge, GError **error);
gboolean converge_readback(struct converge *converge, GError **error);
void converge_done(struct converge *converge);

/* Reads a whole place from the medium and checks it up to the root, without writing.
 * FAULT_CONVERGE_READBACK names the first wrong block. */
gboolean converge_verify(const struct converge_place *place, converge_progress progress,
			 gpointer user_data, GCancellable *cancellable, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of converge share: the workers, and the tree of the target. */

#include "blockhash.h"
#include "converge.h"
#include "crew.h"
#include "frame.h"

enum {
	CONVERGE_BLOCK = VERITREE_BLOCK_SIZE,
	CONVERGE_WINDOW = 256, /* blocks that a worker handles at once: 1 MiB */
	CONVERGE_SMALL = 2048, /* blocks of an image that is not worth threads: 8 MiB */
	CONVERGE_LAG = 4096,   /* blocks between writing and reading back: 16 MiB */
};

/* Blocks first..first+count-1, next to each other, at most CONVERGE_WINDOW. */
struct window {
	uint64_t first;
	uint64_t count;
};

enum job_kind {
	JOB_LOCAL,    /* keep, zero or copy what the plan says */
	JOB_FRAMES,   /* decode frames, write what is wanted of them */
	JOB_MADE,     /* write blocks that a delta made, and note their hashes in the tree */
	JOB_READBACK, /* hash what was written */
};

struct job {
	enum job_kind kind;
	struct window window;
	GArray *entries;      /* FRAMES: struct frame_entry, of consecutive frames */
	uint8_t *stored;      /* FRAMES: their bytes, one after another; owned */
	const uint8_t *bytes; /* MADE: the window's blocks ... */
	GBytes *made;         /* ... which are in here */
};

/* The work on one target: shared by the workers and whoever hands in jobs. */
struct effort {
	struct converge *converge;
	gboolean read_only;
	uint8_t zero_hash[VERITREE_HASH_SIZE];
	GMutex mutex;    /* over all that follows, and converge->stats */
	GArray *written; /* struct window; to be read back, from `written_next` on */
	guint written_next;
	uint64_t written_blocks; /* in it */
	uint64_t wrong_first;    /* block; valid if stats.wrong_blocks is not 0 */
	uint64_t missing;        /* blocks that became PLAN_FETCH while working */
	struct crew *crew;
};
typedef struct effort Effort; /* for g_autoptr() only */

struct effort *effort_new(struct converge *converge, gboolean read_only);
void effort_free(struct effort *effort);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Effort, effort_free)

/* Takes the job over. */
gboolean effort_push(struct effort *effort, struct job *job, GError **error);
/* Waits for all jobs, and reads back what was not yet. */
gboolean effort_drain(struct effort *effort, GError **error);

/* Keeps, zeroes and copies what the plan says, window by window. */
gboolean effort_local(struct effort *effort, const char *step, GError **error);
/* Keeps, zeroes, copies and fetches all that the plan says. */
gboolean effort_all(struct effort *effort, GError **error);

/* Makes what the plan says with the frames of the delta, whose section starts at `offset` of the
 * bundle; blocks must have been copied before. */
gboolean making_here(struct effort *effort, uint64_t offset, GError **error);
/* The same beside the caller's thread, which must not touch blocks of the frames until it joins. */
struct making;
struct making *making_start(struct effort *effort, uint64_t offset);
/* Waits, and frees; without `going` the rest is not made. */
gboolean making_join(struct making *making, gboolean going, GError **error);

/* Reads where the seed has which block, unless that was done. */
void converge_seed_read(struct converge *converge);
/* The bundle has a delta of the payload against the seed. */
gboolean converge_has_delta(const struct converge *converge);

/* Plans anew what is to be fetched. */
void converge_plan_close(struct converge *converge);
/* Tells the source what is going to be read. */
void converge_schedule(const struct converge *converge);
/* The run of the delta in which a block of the new image is. */
const struct deltaindex_run *converge_delta_run(const struct converge *converge, uint64_t block);

static inline gboolean converge_is_alone(const struct converge *converge)
{
	return converge->one_thread || converge->target.tree.data_blocks <= CONVERGE_SMALL;
}

static inline uint64_t converge_offset(const struct converge_place *place, uint64_t block)
{
	return place->offset + block * CONVERGE_BLOCK;
}

/* FALSE if the job was cancelled. */
gboolean converge_step(const struct converge *converge, const char *step, uint64_t done_blocks,
		       GError **error);
/* The same, of the blocks that are done. */
gboolean effort_step(struct effort *effort, const char *step, GError **error);

/* With the salt of a place. The caller frees. */
struct crypto_hasher *converge_hasher_new(const struct converge_place *place);
/* What such a hasher makes of a block of zeros. */
void converge_hash_zeros(struct crypto_hasher *hasher, uint8_t ret_hash[VERITREE_HASH_SIZE]);

/* The wanted hashes of a window's blocks, out of the tree that stands at a place. */
gboolean converge_wanted(const struct converge_place *place, const struct window *window,
			 uint8_t *ret_hashes, GError **error);

/* Writes a tree block of the target unless it stands there already. */
gboolean converge_tree_write(struct converge *converge, uint64_t block, const uint8_t *bytes,
			     GError **error);
/* The superblock's block: while working with the mark, at the end without. */
gboolean converge_mark(struct converge *converge, gboolean working, GError **error);
gboolean converge_is_marked(const struct converge *converge);

/* Reads the leaf level of a place and builds what stands above it: TRUE if that gives the root. */
gboolean converge_root_holds(const struct converge_place *place);
/* Writes what stands above the target's leaf level; *ret_holds: it gives the signed root. */
gboolean converge_tree_build(struct converge *converge, gboolean *ret_holds, GError **error);
/* Reads the whole tree from the medium, up to the root. */
gboolean converge_tree_check(const struct converge_place *place, GError **error);
/* Makes each tree block that is wrong right again, out of what is below it; counts those that it
 * wrote, and those that it could not mend. */
gboolean converge_tree_heal(struct converge *converge, uint64_t *ret_lost, GError **error);

/* SPDX-License-Identifier: MIT */
/* Converging with a delta: the tree comes out of the base's tree and out of the blocks that the
 * delta's frames make, so the delta carries no hashes. A delta that does not give the signed root
 * is no failure of the install: the full payload follows. */
#include <string.h>

#include "converge_private.h"
#include "crypto.h"
#include "decoder.h"
#include "failure.h"
#include "veritybuild.h"

enum { BLOCK = CONVERGE_BLOCK, HASH = VERITREE_HASH_SIZE };

static const struct bundle_section *delta_section(const struct converge *converge,
						  enum bundle_kind kind)
{
	if (converge->bundle == NULL || converge->seed == NULL)
		return NULL;
	return bundle_find_delta(converge->bundle, converge->payload, kind,
				 converge->seed->image->root_hash);
}

gboolean converge_has_delta(const struct converge *converge)
{
	return delta_section(converge, BUNDLE_DELTA_INDEX) != NULL;
}

const struct deltaindex_run *converge_delta_run(const struct converge *converge, uint64_t block)
{
	const GArray *runs = converge->delta->runs;
	guint low = 0;
	guint high = runs->len;

	while (high - low > 1) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(runs, struct deltaindex_run, middle).first_block <= block)
			low = middle;
		else
			high = middle;
	}
	return &g_array_index(runs, struct deltaindex_run, low);
}

/* The hashes of a window of the new image as far as they are known: of copies out of the base's
 * tree, of what is to be made out of this work's own mark, else zeros. */
struct outline {
	struct converge *converge;
	gboolean goes_on; /* a mark of the same root stands in the target */
	uint8_t zero_hash[HASH];
	uint8_t hashes[VERITREE_HASHES_PER_BLOCK * HASH]; /* one tree block */
};

static gboolean run_hashes(struct outline *outline, const struct deltaindex_run *run,
			   const struct window *window, uint8_t *ret_hashes, GError **error)
{
	const struct converge *converge = outline->converge;
	const struct window from = { run->from + (window->first - run->first_block),
				     window->count };

	switch (run->kind) {
	case DELTAINDEX_COPY:
		return converge_wanted(converge->seed, &from, ret_hashes, error);
	case DELTAINDEX_ZERO:
		for (uint64_t i = 0; i < window->count; i++)
			memcpy(ret_hashes + i * HASH, outline->zero_hash, HASH);
		return TRUE;
	case DELTAINDEX_MADE:
		memset(ret_hashes, 0, window->count * HASH);
		return !outline->goes_on ||
		       converge_wanted(&converge->target, window, ret_hashes, error);
	case DELTAINDEX_KIND_COUNT:
		break;
	}
	return TRUE;
}

static enum plan_origin origin_choose(const struct outline *outline, enum deltaindex_kind kind,
				      uint64_t block, const uint8_t *hash)
{
	static const uint8_t NONE[HASH];
	const struct converge *converge = outline->converge;

	if (kind == DELTAINDEX_ZERO)
		return PLAN_ZERO;
	if (kind == DELTAINDEX_MADE)
		return memcmp(hash, NONE, HASH) == 0 ? PLAN_MAKE : PLAN_KEEP;
	if (outline->goes_on ||
	    (converge->old_keys != NULL && seed_has(converge->old_keys, hash, block)))
		return PLAN_KEEP;
	return PLAN_COPY;
}

/* One tree block's worth of hashes, and the origins of its blocks. */
static gboolean outline_block(struct outline *outline, uint64_t first, uint64_t count,
			      GError **error)
{
	struct converge *converge = outline->converge;

	memset(outline->hashes, 0, sizeof outline->hashes);
	for (uint64_t done = 0; done < count;) {
		const struct deltaindex_run *run = converge_delta_run(converge, first + done);
		const uint64_t left = run->first_block + run->block_count - (first + done);
		const struct window window = { first + done, MIN(left, count - done) };
		uint8_t *hashes = outline->hashes + done * HASH;

		if (!run_hashes(outline, run, &window, hashes, error))
			return FALSE;
		for (uint64_t i = 0; i < window.count; i++)
			plan_set(converge->plan, window.first + i,
				 origin_choose(outline, run->kind, window.first + i,
					       hashes + i * HASH));
		done += window.count;
	}
	return TRUE;
}

/* Plans, and with `write` makes the target's leaf level what is known of it. */
static gboolean outline_all(struct converge *converge, gboolean write, GError **error)
{
	const struct veritree *tree = &converge->target.tree;
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(&converge->target);
	struct outline outline = { .converge = converge, .goes_on = converge_is_marked(converge) };

	converge_hash_zeros(hasher, outline.zero_hash);
	for (uint64_t first = 0; first < tree->data_blocks; first += VERITREE_HASHES_PER_BLOCK) {
		const uint64_t count = MIN(VERITREE_HASHES_PER_BLOCK, tree->data_blocks - first);

		if (!outline_block(&outline, first, count, error) ||
		    (write && tree->level_count > 0 &&
		     !converge_tree_write(converge, veritree_hash_block(tree, 0, first),
					  outline.hashes, error)))
			return FALSE;
	}
	return TRUE;
}

/* The delta can be of use: its base is the seed, whole in its tree, and its result the target. */
static gboolean delta_check(struct converge *converge, GError **error)
{
	const struct deltaindex *delta = converge->delta;
	const struct bundle_section *frames = delta_section(converge, BUNDLE_DELTA_FRAMES);

	if (frames == NULL || delta->new_blocks != converge->target.tree.data_blocks ||
	    delta->base_blocks != converge->seed->tree.data_blocks ||
	    (delta->companion_blocks > 0 &&
	     (converge->companion == NULL ||
	      delta->companion_blocks != converge->companion->target.tree.data_blocks)) ||
	    deltaindex_frames_size(delta) != frames->size_bytes)
		return failure_set(error, FAULT_DELTA_INDEX,
				   "the delta of %s is not one of the images that it names",
				   converge->payload);
	if (!converge_root_holds(converge->seed))
		return failure_set(error, FAULT_DELTA_BASE,
				   "the tree of %s, the delta's base, is damaged",
				   converge->seed->disk->name);
	return TRUE;
}

static void delta_drop(struct converge *converge)
{
	g_clear_pointer(&converge->delta, deltaindex_free);
	g_clear_pointer(&converge->plan, plan_free);
	converge_seed_read(converge); /* for the full payload */
}

/* What speaks against this delta only. All else would meet the full payload too. */
static gboolean is_soft(const struct converge *converge, const GError *why)
{
	static const fault SOFT[] = { FAULT_DELTA_INDEX,  FAULT_DELTA_FRAME,
				      FAULT_DELTA_BASE,   FAULT_BUNDLE_CHECKSUM,
				      FAULT_BUNDLE_RANGE, FAULT_DISK_READ,
				      FAULT_WORKER_DIED,  FAULT_WORKER_SILENT,
				      FAULT_WORKER_ANSWER };

	for (unsigned i = 0; i < G_N_ELEMENTS(SOFT); i++)
		if (failure_code(why) == SOFT[i])
			return bundle_is_full(converge->bundle, converge->payload);
	return FALSE;
}

static gboolean delta_give_up(struct converge *converge, GError *why, GError **error)
{
	delta_drop(converge);
	if (!is_soft(converge, why)) {
		g_propagate_error(error, why);
		return FALSE;
	}
	converge->delta_failure = why;
	return TRUE;
}

static gboolean delta_read(struct converge *converge, const struct bundle_section *section,
			   GError **error)
{
	const struct source_range range = { section->offset, section->size_bytes };
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(Decoder) decoder = NULL;
	g_autoptr(GByteArray) numbers = NULL;

	source_schedule(converge->bundle->source, &range, 1);
	bytes = bundle_section_read(converge->bundle, section, error);
	if (bytes == NULL)
		return FALSE;
	decoder = decoder_new(converge->workers, NULL, converge->cancellable, error);
	numbers = decoder != NULL ? decoder_deltaindex(decoder, bytes, error) : NULL;
	return numbers != NULL &&
	       deltaindex_parse(numbers->data, numbers->len, &converge->delta, error) &&
	       delta_check(converge, error);
}

gboolean converge_delta_index(struct converge *converge, GError **error)
{
	const struct bundle_section *section = delta_section(converge, BUNDLE_DELTA_INDEX);
	GError *why = NULL;

	if (section == NULL)
		return TRUE;
	if (!delta_read(converge, section, &why))
		return delta_give_up(converge, why, error);
	converge->plan = plan_new(converge->target.tree.data_blocks);
	if (!outline_all(converge, FALSE, &why))
		return delta_give_up(converge, why, error);
	plan_close_delta(converge->plan, converge->delta,
			 delta_section(converge, BUNDLE_DELTA_FRAMES)->offset);
	return TRUE;
}

static gboolean tree_finish(struct converge *converge, GError **error)
{
	gboolean holds;

	if (!converge_tree_build(converge, &holds, error))
		return FALSE;
	if (!holds)
		return failure_set(error, FAULT_DELTA_FRAME,
				   "the delta of %s does not give its signed root hash",
				   converge->payload);
	return TRUE;
}

static gboolean copies_check(const struct effort *effort, GError **error)
{
	if (effort->missing > 0)
		return failure_set(error, FAULT_DELTA_BASE,
				   "%" G_GUINT64_FORMAT
				   " blocks of %s, the delta's base, are damaged",
				   effort->missing, effort->converge->seed->disk->name);
	return TRUE;
}

/* Frames are made while blocks are copied, unless some of what they make may be there already:
 * what has to be made then shows only when the target has been read. */
static gboolean blocks_work(struct effort *effort, gboolean goes_on, GError **error)
{
	const uint64_t offset = delta_section(effort->converge, BUNDLE_DELTA_FRAMES)->offset;
	struct making *making;
	gboolean done;

	if (goes_on || converge_is_alone(effort->converge))
		return effort_local(effort, "copy", error) && crew_drain(effort->crew, error) &&
		       copies_check(effort, error) && making_here(effort, offset, error);
	making = making_start(effort, offset);
	done = effort_local(effort, "copy", error) && copies_check(effort, error);
	done = making_join(making, done, done ? error : NULL);
	/* Whatever failed: what waits is work that the next attempt finds done. */
	done = crew_drain(effort->crew, done ? error : NULL) && done;
	return done && copies_check(effort, error);
}

/* The mark is put up when the leaf level is this work's, and says so to whoever goes on later. */
static gboolean delta_work(struct converge *converge, GError **error)
{
	const gboolean goes_on = converge_is_marked(converge);
	g_autoptr(Effort) effort = NULL;

	if (converge->delta->companion_blocks > 0 && !converge->companion->is_right)
		return failure_set(error, FAULT_DELTA_BASE,
				   "the delta of %s needs the new %s, which no delta gave",
				   converge->payload, converge->companion->payload);
	if (!outline_all(converge, TRUE, error) || !disk_flush(converge->target.disk, error) ||
	    !converge_mark(converge, TRUE, error))
		return FALSE;
	effort = effort_new(converge, FALSE);
	return blocks_work(effort, goes_on, error) && effort_drain(effort, error) &&
	       tree_finish(converge, error);
}

gboolean converge_delta_apply(struct converge *converge, GError **error)
{
	GError *why = NULL;

	if (converge->delta == NULL)
		return TRUE;
	if (!delta_work(converge, &why))
		return delta_give_up(converge, why, error);
	converge->is_right = TRUE;
	return TRUE;
}

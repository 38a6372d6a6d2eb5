/* SPDX-License-Identifier: MIT */
#include "converge.h"

#include <string.h>

#include "converge_private.h"
#include "failure.h"

enum {
	BLOCK = CONVERGE_BLOCK,
	HASH = VERITREE_HASH_SIZE,
};

gboolean converge_place_init(struct converge_place *place, struct disk *disk, uint64_t offset,
			     const struct manifest_image *image, GError **error)
{
	const fault why = veritree_init(image->superblock.data_blocks, &place->tree);

	place->disk = disk;
	place->offset = offset;
	place->image = image;
	if (why != FAULT_OK)
		return failure_set(error, why, "an image of %" G_GUINT64_FORMAT " blocks cannot be",
				   image->superblock.data_blocks);
	if (offset > disk->size_bytes ||
	    place->tree.total_blocks > (disk->size_bytes - offset) / BLOCK)
		return failure_set(error, FAULT_PART_SMALL,
				   "%s has %" G_GUINT64_FORMAT
				   " bytes, the image with its tree needs %" G_GUINT64_FORMAT,
				   disk->name, disk->size_bytes,
				   offset + place->tree.total_blocks * BLOCK);
	return TRUE;
}

gboolean converge_step(const struct converge *converge, const char *step, uint64_t done_blocks,
		       GError **error)
{
	const struct converge_progress progress = {
		.step = step,
		.done_bytes = done_blocks * BLOCK,
		.total_bytes = converge->target.tree.data_blocks * BLOCK,
	};

	if (converge->report != NULL)
		converge->report(&progress, converge->user_data);
	if (g_cancellable_is_cancelled(converge->cancellable))
		return failure_set(error, FAULT_CONVERGE_CANCELLED, "the job was cancelled");
	return TRUE;
}

gboolean effort_step(struct effort *effort, const char *step, GError **error)
{
	const struct converge_stats *stats = &effort->converge->stats;
	uint64_t done;

	g_mutex_lock(&effort->mutex);
	done = stats->kept_blocks + stats->zero_blocks + stats->copied_blocks +
	       stats->fetched_blocks + stats->made_blocks;
	if (effort->read_only)
		done += stats->wrong_blocks;
	g_mutex_unlock(&effort->mutex);
	return converge_step(effort->converge, step, done, error);
}

static struct seed *keys_read(const struct converge_place *place, gboolean in_place)
{
	/* A tree that cannot be read costs the copies, not the install. */
	return (in_place ? seed_new_in_place : seed_new)(place->disk, place->offset, &place->tree,
							 NULL);
}

void converge_seed_read(struct converge *converge)
{
	if (converge->seed != NULL && converge->seed_table == NULL)
		converge->seed_table = keys_read(converge->seed, FALSE);
}

void converge_start(struct converge *converge)
{
	if (!converge_has_delta(converge)) /* which says where the seed has what */
		converge_seed_read(converge);
	if (converge->old != NULL)
		converge->old_keys = keys_read(converge->old, TRUE);
}

void converge_done(struct converge *converge)
{
	g_clear_pointer(&converge->plan, plan_free);
	g_clear_pointer(&converge->seed_table, seed_free);
	g_clear_pointer(&converge->old_keys, seed_free);
	g_clear_pointer(&converge->parents, g_bytes_unref);
	g_clear_pointer(&converge->leaf_origins, g_free);
	g_clear_pointer(&converge->frames, frameindex_free);
	g_clear_pointer(&converge->dictionary, g_bytes_unref);
	g_clear_pointer(&converge->delta, deltaindex_free);
	g_clear_error(&converge->delta_failure);
}

gboolean converge_dictionary(struct converge *converge, GError **error)
{
	return bundle_dictionary_read(converge->bundle, converge->payload, &converge->dictionary,
				      error);
}

void converge_plan_close(struct converge *converge)
{
	plan_close(converge->plan, converge->frames,
		   bundle_find(converge->bundle, converge->payload, BUNDLE_FRAMES)->offset);
}

void converge_schedule(const struct converge *converge)
{
	const struct plan *plan = converge->plan;
	const GArray *requests = converge->bundle->source->exact ? plan->ranges : plan->requests;

	source_schedule(converge->bundle->source, (const struct source_range *)requests->data,
			requests->len);
}

gboolean converge_index(struct converge *converge, GError **error)
{
	converge->frames = bundle_index_read(converge->bundle, converge->payload,
					     converge->target.tree.data_blocks, error);
	if (converge->frames == NULL)
		return FALSE;
	converge_plan_close(converge);
	return TRUE;
}

static uint64_t left_count(const struct plan *plan)
{
	uint64_t left = 0;

	for (uint64_t block = 0; block < plan->blocks; block++)
		left += plan_get(plan, block) != PLAN_DONE;
	return left;
}

gboolean converge_blocks(struct converge *converge, GError **error)
{
	g_autoptr(Effort) effort = effort_new(converge, FALSE);
	uint64_t left;

	if (!effort_all(effort, error) || !effort_drain(effort, error))
		return FALSE;
	left = left_count(converge->plan);
	if (left > 0)
		return failure_set(error, FAULT_BUNDLE_MISSING,
				   "the bundle lacks %" G_GUINT64_FORMAT " blocks of %s", left,
				   converge->payload);
	converge->is_right = TRUE;
	return TRUE;
}

gboolean converge_finish(struct converge *converge, GError **error)
{
	struct disk *disk = converge->target.disk;

	return disk_flush(disk, error) && converge_mark(converge, FALSE, error) &&
	       disk_flush(disk, error) && converge_tree_check(&converge->target, error);
}

/* Verify and repair: every block should stand in its place. */
static void plan_keep_all(struct converge *converge)
{
	g_clear_pointer(&converge->plan, plan_free);
	converge->plan = plan_new(converge->target.tree.data_blocks);
	memset(converge->plan->origins, PLAN_KEEP, converge->plan->blocks);
}

gboolean converge_verify(struct converge *converge, GError **error)
{
	g_autoptr(Effort) effort = NULL;

	if (!converge_tree_check(&converge->target, error))
		return FALSE;
	plan_keep_all(converge);
	effort = effort_new(converge, TRUE);
	if (!effort_local(effort, "verify", error) || !effort_drain(effort, error))
		return FALSE;
	if (converge->stats.wrong_blocks > 0)
		return failure_set(error, FAULT_CONVERGE_READBACK,
				   "%" G_GUINT64_FORMAT
				   " blocks of %s are wrong, the first is block %" G_GUINT64_FORMAT,
				   converge->stats.wrong_blocks, converge->target.disk->name,
				   effort->wrong_first);
	return TRUE;
}

static gboolean bundle_has(const struct converge *converge)
{
	return converge->bundle != NULL && bundle_is_full(converge->bundle, converge->payload);
}

/* A tree that what is below it cannot mend comes out of the other slot, if that has the same
 * release, or out of the bundle. */
static gboolean tree_replace(struct converge *converge, uint64_t lost, GError **error)
{
	const struct converge_place *seed = converge->seed;
	const struct veritree *tree = &converge->target.tree;
	uint8_t bytes[BLOCK];

	if (bundle_has(converge))
		return converge_leaves(converge, error) && converge_mark(converge, FALSE, error);
	if (seed == NULL ||
	    memcmp(seed->image->root_hash, converge->target.image->root_hash, HASH) ||
	    !converge_root_holds(seed))
		return failure_set(error, FAULT_CONVERGE_UNHEALED,
				   "%" G_GUINT64_FORMAT
				   " blocks of the tree of %s are damaged, and so is what is below "
				   "them: repair it from the release's full bundle",
				   lost, converge->target.disk->name);
	for (uint64_t block = tree->superblock + 1; block < tree->total_blocks; block++)
		if (!disk_read(seed->disk, converge_offset(seed, block), bytes, BLOCK, error) ||
		    !converge_tree_write(converge, block, bytes, error))
			return FALSE;
	return TRUE;
}

gboolean converge_repair(struct converge *converge, GError **error)
{
	g_autoptr(Effort) effort = NULL;
	uint64_t lost;
	uint64_t left;

	converge_start(converge);
	converge_seed_read(converge);
	if (!converge_tree_heal(converge, &lost, error) ||
	    (lost > 0 && !tree_replace(converge, lost, error)))
		return FALSE;
	plan_keep_all(converge);
	if (bundle_has(converge) &&
	    (!converge_dictionary(converge, error) || !converge_index(converge, error)))
		return FALSE;
	effort = effort_new(converge, FALSE);
	if (!(bundle_has(converge) ? effort_all(effort, error)
				   : effort_local(effort, "repair", error)) ||
	    !effort_drain(effort, error))
		return FALSE;
	left = left_count(converge->plan);
	if (left > 0)
		return failure_set(
			error, FAULT_CONVERGE_UNHEALED,
			"%" G_GUINT64_FORMAT
			" blocks of %s are wrong, and no source has them: repair it from "
			"the release's full bundle",
			left, converge->target.disk->name);
	return disk_flush(converge->target.disk, error) &&
	       converge_tree_check(&converge->target, error);
}

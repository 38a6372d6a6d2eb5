/* SPDX-License-Identifier: MIT */
/* Memory: a window of the image, a bit per block, the bundle's frame index and the seed's table.
 * The leaf hashes are not held: they go into the slot's own tree at once, and are read back from
 * there block by block. While that happens the boot record says that the slot is empty. */
#include "converge.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "seed.h"
#include "veritybuild.h"

enum {
	BLOCK = VERITREE_BLOCK_SIZE,
	WINDOW_BLOCKS = BUNDLE_FRAME_BLOCKS_MAX,
	LEAF_CHUNK = 16 * BLOCK,
};

/* The hasher and the leaf block at hand: what every step needs. */
struct work {
	const struct converge_place *place;
	CryptoHasher *hasher;
	uint8_t leaves[BLOCK];
	uint64_t leaves_block; /* tree block that is in `leaves`, 0: none */
	uint8_t *window;       /* WINDOW_BLOCKS blocks, aligned for O_DIRECT */
};
typedef struct work Work; /* for g_autoptr() only */

static struct work *work_new(const struct converge_place *place)
{
	const struct veritree_superblock *superblock = &place->image->superblock;
	struct work *work = g_new0(struct work, 1);

	work->place = place;
	work->hasher = crypto_hasher_new(superblock->salt, superblock->salt_size);
	work->window = g_aligned_alloc(WINDOW_BLOCKS, BLOCK, BLOCK);
	return work;
}

static void work_free(struct work *work)
{
	if (work == NULL)
		return;
	crypto_hasher_free(work->hasher);
	g_aligned_free(work->window);
	g_free(work);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Work, work_free)

static uint64_t place_offset(const struct converge_place *place, uint64_t block)
{
	return place->offset + block * BLOCK;
}

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

static gboolean step_report(const struct converge *converge, const char *step, uint64_t done_blocks,
			    GError **error)
{
	if (converge->progress != NULL)
		converge->progress(step, done_blocks * BLOCK,
				   converge->target.tree.data_blocks * BLOCK, converge->user_data);
	if (g_cancellable_is_cancelled(converge->cancellable))
		return failure_set(error, FAULT_CONVERGE_CANCELLED, "the job was cancelled");
	return TRUE;
}

/* The wanted hash of a data block, out of the slot's tree. For a single block it is the root. */
static const uint8_t *leaf_get(struct work *work, uint64_t block, GError **error)
{
	const struct converge_place *place = work->place;
	uint64_t hash_block;

	if (place->tree.level_count == 0)
		return place->image->root_hash;
	hash_block = veritree_hash_block(&place->tree, 0, block);
	if (work->leaves_block != hash_block) {
		work->leaves_block = 0;
		if (!disk_read(place->disk, place_offset(place, hash_block), work->leaves, BLOCK,
			       error))
			return NULL;
		work->leaves_block = hash_block;
	}
	return work->leaves + veritree_hash_offset(block);
}

static gboolean tree_block_write(gpointer user_data, uint64_t block, const uint8_t *bytes,
				 GError **error)
{
	struct converge *converge = user_data;

	converge->stats.written_bytes += BLOCK;
	return disk_write(converge->target.disk, place_offset(&converge->target, block), bytes,
			  BLOCK, error);
}

static gboolean leaves_stream(struct converge *converge, const struct bundle_section *section,
			      struct veritybuild *build, GError **error)
{
	g_autofree uint8_t *chunk = g_malloc(LEAF_CHUNK);

	for (uint64_t done = 0; done < section->size_bytes;) {
		const size_t size = (size_t)MIN(LEAF_CHUNK, section->size_bytes - done);

		if (!source_read(converge->bundle->source, section->offset + done, chunk, size,
				 error))
			return FALSE;
		for (size_t at = 0; at < size; at += VERITREE_HASH_SIZE)
			if (!veritybuild_add(build, chunk + at, error))
				return FALSE;
		done += size;
		if (!step_report(converge, "read tree", done / VERITREE_HASH_SIZE, error))
			return FALSE;
	}
	return TRUE;
}

gboolean converge_leaves(struct converge *converge, GError **error)
{
	const struct converge_place *target = &converge->target;
	const struct bundle_section *section = bundle_find(converge->bundle, converge->payload,
							   BUNDLE_LEAVES, error);
	g_autoptr(Work) work = work_new(target);
	struct veritybuild build;
	uint8_t superblock[BLOCK];

	if (section == NULL)
		return FALSE;
	if (section->size_bytes != target->tree.data_blocks * VERITREE_HASH_SIZE)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the bundle has %" G_GUINT64_FORMAT
				   " bytes of leaf hashes for %s, not %" G_GUINT64_FORMAT,
				   section->size_bytes, converge->payload,
				   target->tree.data_blocks * VERITREE_HASH_SIZE);
	veritybuild_init(&build, &target->tree, work->hasher, tree_block_write, converge);
	if (!leaves_stream(converge, section, &build, error))
		return FALSE;
	if (memcmp(build.root, target->image->root_hash, VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the leaf hashes of %s do not give its signed root hash",
				   converge->payload);
	veritree_superblock_encode(&target->image->superblock, superblock);
	return tree_block_write(converge, target->tree.superblock, superblock, error);
}

gboolean converge_index(struct converge *converge, GError **error)
{
	converge->frames = bundle_index_read(converge->bundle, converge->payload,
					     converge->target.tree.data_blocks, error);
	return converge->frames != NULL;
}

static gboolean block_is_right(struct work *work, const uint8_t *bytes,
			       const uint8_t hash[static VERITREE_HASH_SIZE])
{
	uint8_t got[VERITREE_HASH_SIZE];

	crypto_hash(work->hasher, bytes, BLOCK, got);
	return memcmp(got, hash, sizeof got) == 0;
}

/* Writes the blocks of the window whose mark is set, in runs. */
static gboolean window_write(struct converge *converge, struct work *work, uint64_t first,
			     const gboolean *marks, size_t count, GError **error)
{
	for (size_t i = 0; i < count;) {
		size_t run = 0;

		while (i + run < count && marks[i + run])
			run++;
		if (run > 0) {
			if (!disk_write(converge->target.disk,
					place_offset(&converge->target, first + i),
					work->window + i * BLOCK, run * BLOCK, error))
				return FALSE;
			converge->stats.written_bytes += run * BLOCK;
		}
		i += MAX(run, 1);
	}
	return TRUE;
}

/* Fetches one block from the seed into `bytes`; FALSE if the seed has no such block. What the
 * seed cannot read is fetched from elsewhere, so its errors end here. */
static gboolean seed_copy(const struct converge *converge, const struct seed *seed,
			  struct work *work, uint64_t block, const uint8_t *hash, uint8_t *bytes)
{
	uint64_t from;

	return seed != NULL && seed_find(seed, hash, block, &from) &&
	       disk_read(converge->seed->disk, place_offset(converge->seed, from), bytes, BLOCK,
			 NULL) &&
	       block_is_right(work, bytes, hash);
}

static void missing_set(struct converge *converge, uint64_t block)
{
	converge->missing[block / 8] |= (uint8_t)(1 << block % 8);
	converge->missing_count++;
}

static gboolean missing_has(const struct converge *converge, uint64_t block)
{
	return (converge->missing[block / 8] >> block % 8 & 1) != 0;
}

static void missing_clear(struct converge *converge, uint64_t block)
{
	converge->missing[block / 8] &= (uint8_t) ~(1 << block % 8);
	converge->missing_count--;
}

struct local {
	struct converge *converge;
	struct work *work;
	const struct seed *seed;
	uint8_t zero_hash[VERITREE_HASH_SIZE];
};

/* Decides where one block comes from; TRUE in *ret_mark when the window holds it to be written. */
static gboolean local_block(struct local *local, uint64_t block, uint8_t *bytes, gboolean *ret_mark,
			    GError **error)
{
	struct converge_stats *stats = &local->converge->stats;
	const uint8_t *hash = leaf_get(local->work, block, error);

	*ret_mark = FALSE;
	if (hash == NULL)
		return FALSE;
	if (block_is_right(local->work, bytes, hash)) {
		stats->kept_blocks++;
	} else if (memcmp(hash, local->zero_hash, VERITREE_HASH_SIZE) == 0) {
		memset(bytes, 0, BLOCK);
		stats->zero_blocks++;
		*ret_mark = TRUE;
	} else if (seed_copy(local->converge, local->seed, local->work, block, hash, bytes)) {
		stats->copied_blocks++;
		*ret_mark = TRUE;
	} else {
		missing_set(local->converge, block);
	}
	return TRUE;
}

static gboolean local_window(struct local *local, uint64_t first, size_t count, GError **error)
{
	const struct converge_place *target = &local->converge->target;
	gboolean marks[WINDOW_BLOCKS];

	/* What cannot be read is not right: it will be written, or the read-back will tell. */
	if (!disk_read(target->disk, place_offset(target, first), local->work->window,
		       count * BLOCK, NULL))
		memset(local->work->window, 0xff, count * BLOCK);
	for (size_t i = 0; i < count; i++)
		if (!local_block(local, first + i, local->work->window + i * BLOCK, &marks[i],
				 error))
			return FALSE;
	return window_write(local->converge, local->work, first, marks, count, error);
}

gboolean converge_local(struct converge *converge, GError **error)
{
	static const uint8_t ZERO[BLOCK];
	const uint64_t blocks = converge->target.tree.data_blocks;
	g_autoptr(Work) work = work_new(&converge->target);
	g_autoptr(Seed) seed = NULL;
	struct local local = { .converge = converge, .work = work };

	/* A tree that cannot be read costs the copies, not the install. */
	if (converge->seed != NULL)
		seed = seed_new(converge->seed->disk, converge->seed->offset, &converge->seed->tree,
				NULL);
	local.seed = seed;
	crypto_hash(work->hasher, ZERO, BLOCK, local.zero_hash);
	g_free(converge->missing);
	converge->missing = g_malloc0((size_t)(blocks / 8 + 1));
	converge->missing_count = 0;
	for (uint64_t first = 0; first < blocks; first += WINDOW_BLOCKS) {
		if (!local_window(&local, first, (size_t)MIN(WINDOW_BLOCKS, blocks - first),
				  error) ||
		    !step_report(converge, "compare", MIN(blocks, first + WINDOW_BLOCKS), error))
			return FALSE;
	}
	return TRUE;
}

static gboolean frame_is_wanted(const struct converge *converge, const struct bundle_frame *frame)
{
	for (uint64_t i = 0; i < frame->block_count; i++)
		if (missing_has(converge, frame->first_block + i))
			return TRUE;
	return FALSE;
}

static gboolean frame_apply(struct converge *converge, struct work *work,
			    const struct bundle_frame *frame, GError **error)
{
	gboolean marks[WINDOW_BLOCKS];

	if (!bundle_frame_read(converge->bundle, converge->payload, frame, work->window, error))
		return FALSE;
	for (uint32_t i = 0; i < frame->block_count; i++) {
		const uint64_t block = frame->first_block + i;
		const uint8_t *hash;

		marks[i] = missing_has(converge, block);
		if (!marks[i])
			continue;
		hash = leaf_get(work, block, error);
		if (hash == NULL)
			return FALSE;
		if (!block_is_right(work, work->window + (size_t)i * BLOCK, hash))
			return failure_set(error, FAULT_BUNDLE_BLOCK,
					   "block %" G_GUINT64_FORMAT
					   " of %s does not have its signed hash",
					   block, converge->payload);
		missing_clear(converge, block);
		converge->stats.fetched_blocks++;
	}
	return window_write(converge, work, frame->first_block, marks, frame->block_count, error);
}

gboolean converge_frames(struct converge *converge, GError **error)
{
	g_autoptr(Work) work = work_new(&converge->target);
	const uint64_t blocks = converge->target.tree.data_blocks;

	for (guint i = 0; i < converge->frames->len && converge->missing_count > 0; i++) {
		const struct bundle_frame *frame = &g_array_index(converge->frames,
								  struct bundle_frame, i);

		if (frame_is_wanted(converge, frame) && !frame_apply(converge, work, frame, error))
			return FALSE;
		if (!step_report(converge, "write", blocks - converge->missing_count, error))
			return FALSE;
	}
	if (converge->missing_count > 0)
		return failure_set(error, FAULT_BUNDLE_MISSING,
				   "the bundle lacks %" G_GUINT64_FORMAT " blocks of %s",
				   converge->missing_count, converge->payload);
	return TRUE;
}

/* Read-back: the tree is built anew from the data on the medium, and each of its blocks must be
 * the one that stands there. */
struct readback {
	const struct converge_place *place;
	uint8_t *medium; /* one block, aligned */
};

static gboolean tree_block_compare(gpointer user_data, uint64_t block, const uint8_t *bytes,
				   GError **error)
{
	const struct readback *readback = user_data;

	if (!disk_read_medium(readback->place->disk, place_offset(readback->place, block),
			      readback->medium, BLOCK, error))
		return FALSE;
	if (memcmp(readback->medium, bytes, BLOCK) != 0)
		return failure_set(error, FAULT_CONVERGE_READBACK,
				   "tree block %" G_GUINT64_FORMAT
				   " of %s is not what it should be",
				   block, readback->place->disk->name);
	return TRUE;
}

static gboolean data_rebuild(const struct converge *view, struct work *work,
			     struct veritybuild *build, GError **error)
{
	const struct converge_place *place = &view->target;

	for (uint64_t first = 0; first < place->tree.data_blocks; first += WINDOW_BLOCKS) {
		const size_t count = (size_t)MIN(WINDOW_BLOCKS, place->tree.data_blocks - first);

		if (!disk_read_medium(place->disk, place_offset(place, first), work->window,
				      count * BLOCK, error))
			return FALSE;
		for (size_t i = 0; i < count; i++) {
			uint8_t hash[VERITREE_HASH_SIZE];

			crypto_hash(work->hasher, work->window + i * BLOCK, BLOCK, hash);
			if (!veritybuild_add(build, hash, error))
				return FALSE;
		}
		if (!step_report(view, "read back", first + count, error))
			return FALSE;
	}
	return TRUE;
}

gboolean converge_verify(const struct converge_place *place, converge_progress progress,
			 gpointer user_data, GCancellable *cancellable, GError **error)
{
	const struct converge view = {
		.target = *place,
		.progress = progress,
		.user_data = user_data,
		.cancellable = cancellable,
	};
	g_autoptr(Work) work = work_new(place);
	g_autoptr(Work) spare = work_new(place);
	struct readback readback = { place, spare->window };
	struct veritybuild build;
	uint8_t superblock[BLOCK];

	veritree_superblock_encode(&place->image->superblock, superblock);
	veritybuild_init(&build, &place->tree, work->hasher, tree_block_compare, &readback);
	if (!tree_block_compare(&readback, place->tree.superblock, superblock, error) ||
	    !data_rebuild(&view, work, &build, error))
		return FALSE;
	if (memcmp(build.root, place->image->root_hash, VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_CONVERGE_READBACK,
				   "%s does not hash to its signed root", place->disk->name);
	return TRUE;
}

gboolean converge_readback(struct converge *converge, GError **error)
{
	return disk_flush(converge->target.disk, error) &&
	       converge_verify(&converge->target, converge->progress, converge->user_data,
			       converge->cancellable, error);
}

void converge_done(struct converge *converge)
{
	g_clear_pointer(&converge->frames, g_array_unref);
	g_clear_pointer(&converge->missing, g_free);
}

/* SPDX-License-Identifier: MIT */
/* The target's tree: written, marked, checked and healed. */
#include <string.h>

#include "bytes.h"
#include "converge_private.h"
#include "crypto.h"
#include "failure.h"
#include "veritybuild.h"

enum {
	BLOCK = CONVERGE_BLOCK,
	HASH = VERITREE_HASH_SIZE,
	CHUNK_BLOCKS = 16, /* tree blocks read at once */
	MARK_OFFSET = 512, /* the superblock ends there; the rest of its block is free */
	MARK_MAGIC_SIZE = 8,
};

static const uint8_t MARK_MAGIC[MARK_MAGIC_SIZE] = { 'a', 'z', 's', 't', 'a', 'g', 'e', 0 };

gboolean converge_wanted(const struct converge_place *place, const struct window *window,
			 uint8_t *ret_hashes, GError **error)
{
	if (place->tree.level_count == 0) { /* a single block, whose hash is the root */
		memcpy(ret_hashes, place->image->root_hash, HASH);
		return TRUE;
	}
	return disk_read(place->disk,
			 converge_offset(place, place->tree.level_start[0]) + window->first * HASH,
			 ret_hashes, window->count * HASH, error);
}

gboolean converge_tree_write(struct converge *converge, uint64_t block, const uint8_t *bytes,
			     GError **error)
{
	const struct converge_place *target = &converge->target;
	const uint64_t offset = converge_offset(target, block);
	uint8_t old[BLOCK];

	if (converge->plan_only ||
	    (disk_read(target->disk, offset, old, BLOCK, NULL) && memcmp(old, bytes, BLOCK) == 0))
		return TRUE;
	converge->stats.written_bytes += BLOCK;
	converge->stats.tree_blocks++;
	return disk_write(target->disk, offset, bytes, BLOCK, error);
}

static void superblock_encode(const struct converge *converge, gboolean working, uint8_t *ret_bytes)
{
	const struct manifest_image *image = converge->target.image;

	veritree_superblock_encode(&image->superblock, ret_bytes);
	if (!working)
		return;
	memcpy(ret_bytes + MARK_OFFSET, MARK_MAGIC, MARK_MAGIC_SIZE);
	memcpy(ret_bytes + MARK_OFFSET + MARK_MAGIC_SIZE, image->root_hash, HASH);
}

gboolean converge_mark(struct converge *converge, gboolean working, GError **error)
{
	uint8_t bytes[BLOCK];

	superblock_encode(converge, working, bytes);
	return converge_tree_write(converge, converge->target.tree.superblock, bytes, error);
}

gboolean converge_is_marked(const struct converge *converge)
{
	const struct converge_place *target = &converge->target;
	uint8_t wanted[BLOCK];
	uint8_t bytes[BLOCK];

	superblock_encode(converge, TRUE, wanted);
	return disk_read(target->disk, converge_offset(target, target->tree.superblock), bytes,
			 BLOCK, NULL) &&
	       memcmp(bytes, wanted, BLOCK) == 0;
}

struct crypto_hasher *converge_hasher_new(const struct converge_place *place)
{
	const struct veritree_superblock *superblock = &place->image->superblock;

	return crypto_hasher_new(superblock->salt, superblock->salt_size);
}

void converge_hash_zeros(struct crypto_hasher *hasher, uint8_t ret_hash[VERITREE_HASH_SIZE])
{
	static const uint8_t ZERO[BLOCK];

	crypto_hash(hasher, ZERO, BLOCK, ret_hash);
}

/* Reading a leaf level and building what stands above it. */

struct climb {
	const struct converge_place *place;
	gboolean from_medium;
	uint8_t *chunk; /* CHUNK_BLOCKS, aligned */
	uint8_t *block; /* one more, aligned */
};
typedef struct climb Climb; /* for g_autoptr() only */

static struct climb *climb_new(const struct converge_place *place, gboolean from_medium)
{
	struct climb *climb = g_new0(struct climb, 1);

	climb->place = place;
	climb->from_medium = from_medium;
	climb->chunk = g_aligned_alloc(CHUNK_BLOCKS + 1, BLOCK, BLOCK);
	climb->block = climb->chunk + (size_t)CHUNK_BLOCKS * BLOCK;
	return climb;
}

static void climb_free(struct climb *climb)
{
	g_aligned_free(climb->chunk);
	g_free(climb);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Climb, climb_free)

static gboolean climb_read(const struct climb *climb, uint64_t block, uint8_t *bytes,
			   uint64_t count, GError **error)
{
	const struct converge_place *place = climb->place;

	return (climb->from_medium ? disk_read_medium : disk_read)(
		place->disk, converge_offset(place, block), bytes, count * BLOCK, error);
}

/* Gives all leaf hashes of the place to the builder. */
static gboolean climb_leaves(const struct climb *climb, struct veritybuild *build, GError **error)
{
	const struct veritree *tree = &climb->place->tree;

	if (tree->level_count == 0)
		return veritybuild_add(build, climb->place->image->root_hash, error);
	for (uint64_t done = 0, hash = 0; done < tree->level_blocks[0]; done += CHUNK_BLOCKS) {
		const uint64_t count = MIN(CHUNK_BLOCKS, tree->level_blocks[0] - done);

		if (!climb_read(climb, tree->level_start[0] + done, climb->chunk, count, error))
			return FALSE;
		for (size_t at = 0; at < count * BLOCK && hash < tree->data_blocks;
		     at += HASH, hash++)
			if (!veritybuild_add(build, climb->chunk + at, error))
				return FALSE;
	}
	return TRUE;
}

gboolean converge_root_holds(const struct converge_place *place)
{
	g_autoptr(Climb) climb = climb_new(place, FALSE);
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(place);
	struct veritybuild build;

	veritybuild_init(&build, &place->tree, hasher, NULL, NULL);
	return climb_leaves(climb, &build, NULL) &&
	       memcmp(build.root, place->image->root_hash, HASH) == 0;
}

static gboolean block_write(gpointer user_data, uint64_t block, const uint8_t *bytes,
			    GError **error)
{
	return converge_tree_write(user_data, block, bytes, error);
}

gboolean converge_tree_build(struct converge *converge, gboolean *ret_holds, GError **error)
{
	const struct converge_place *target = &converge->target;
	g_autoptr(Climb) climb = climb_new(target, FALSE);
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(target);
	struct veritybuild build;

	veritybuild_init(&build, &target->tree, hasher, block_write, converge);
	if (!climb_leaves(climb, &build, error))
		return FALSE;
	*ret_holds = memcmp(build.root, target->image->root_hash, HASH) == 0;
	return TRUE;
}

static gboolean block_compare(gpointer user_data, uint64_t block, const uint8_t *bytes,
			      GError **error)
{
	const struct climb *climb = user_data;

	if (!climb_read(climb, block, climb->block, 1, error))
		return FALSE;
	if (memcmp(climb->block, bytes, BLOCK) != 0)
		return failure_set(error, FAULT_CONVERGE_READBACK,
				   "tree block %" G_GUINT64_FORMAT
				   " of %s is not what it should be",
				   block, climb->place->disk->name);
	return TRUE;
}

gboolean converge_tree_check(const struct converge_place *place, GError **error)
{
	g_autoptr(Climb) climb = climb_new(place, TRUE);
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(place);
	struct veritybuild build;
	uint8_t superblock[BLOCK];

	veritree_superblock_encode(&place->image->superblock, superblock);
	veritybuild_init(&build, &place->tree, hasher, block_compare, climb);
	if (!block_compare(climb, place->tree.superblock, superblock, error) ||
	    !climb_leaves(climb, &build, error))
		return FALSE;
	if (memcmp(build.root, place->image->root_hash, HASH) != 0)
		return failure_set(error, FAULT_CONVERGE_READBACK,
				   "the tree of %s does not give its signed root",
				   place->disk->name);
	return TRUE;
}

/* Healing: from the root down, each tree block is compared with its hash in the block above. */

struct heal {
	struct converge *converge;
	struct climb *climb;
	struct crypto_hasher *hasher;
	uint64_t lost;
};

/* Hashes what is below: tree blocks, or the data. What cannot be read gives a wrong hash. */
static void block_recompute(struct heal *heal, unsigned level, uint64_t index, uint8_t *ret_bytes)
{
	const struct veritree *tree = &heal->converge->target.tree;
	const uint64_t below = level == 0 ? tree->data_blocks : tree->level_blocks[level - 1];
	const uint64_t start = level == 0 ? 0 : tree->level_start[level - 1];
	const uint64_t first = index * VERITREE_HASHES_PER_BLOCK;

	memset(ret_bytes, 0, BLOCK);
	for (uint64_t i = 0; i < VERITREE_HASHES_PER_BLOCK && first + i < below; i++) {
		if (!climb_read(heal->climb, start + first + i, heal->climb->block, 1, NULL))
			memset(heal->climb->block, 0xff, BLOCK);
		crypto_hash(heal->hasher, heal->climb->block, BLOCK, ret_bytes + i * HASH);
	}
}

static gboolean block_heal(struct heal *heal, unsigned level, uint64_t index, const uint8_t *wanted,
			   GError **error)
{
	struct converge *converge = heal->converge;
	const uint64_t block = converge->target.tree.level_start[level] + index;
	uint8_t bytes[BLOCK];
	uint8_t hash[HASH];

	if (climb_read(heal->climb, block, heal->climb->block, 1, NULL)) {
		crypto_hash(heal->hasher, heal->climb->block, BLOCK, hash);
		if (memcmp(hash, wanted, HASH) == 0)
			return TRUE;
	}
	block_recompute(heal, level, index, bytes);
	crypto_hash(heal->hasher, bytes, BLOCK, hash);
	if (memcmp(hash, wanted, HASH) != 0) {
		heal->lost++;
		return TRUE;
	}
	return converge_tree_write(converge, block, bytes, error);
}

static gboolean level_heal(struct heal *heal, unsigned level, GError **error)
{
	const struct converge_place *target = &heal->converge->target;
	const gboolean is_top = level + 1 == target->tree.level_count;

	for (uint64_t i = 0; i < target->tree.level_blocks[level]; i++) {
		uint8_t wanted[HASH];

		memcpy(wanted, target->image->root_hash, HASH);
		if (!is_top &&
		    !disk_read(target->disk,
			       converge_offset(target,
					       veritree_hash_block(&target->tree, level + 1, i)) +
				       veritree_hash_offset(i),
			       wanted, HASH, error))
			return FALSE;
		if (!block_heal(heal, level, i, wanted, error))
			return FALSE;
	}
	return TRUE;
}

gboolean converge_tree_heal(struct converge *converge, uint64_t *ret_lost, GError **error)
{
	g_autoptr(Climb) climb = climb_new(&converge->target, TRUE);
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(&converge->target);
	struct heal heal = { .converge = converge, .climb = climb, .hasher = hasher };

	*ret_lost = 0;
	if (!converge_mark(converge, FALSE, error))
		return FALSE;
	/* Below a block that is lost nothing can be judged. */
	for (unsigned level = converge->target.tree.level_count; level-- > 0 && heal.lost == 0;)
		if (!level_heal(&heal, level, error))
			return FALSE;
	*ret_lost = heal.lost;
	return TRUE;
}

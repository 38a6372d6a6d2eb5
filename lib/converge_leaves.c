/* SPDX-License-Identifier: MIT */
/* The leaf hashes of the target, out of the bundle: the only part of a tree that is fetched. From
 * a web server even of them only those that the seed does not have: their parents tell which. */
#include <string.h>

#include "converge_private.h"
#include "crypto.h"
#include "failure.h"
#include "veritybuild.h"

enum {
	BLOCK = CONVERGE_BLOCK,
	HASH = VERITREE_HASH_SIZE,
	LEAF_CHUNK = 16 * BLOCK,
};

/* Where a block of leaf hashes comes from; any other number: the seed's block of them, plus one. */
static const uint32_t LEAVES_FETCH = 0, LEAVES_ZERO = UINT32_MAX;

/* Leaf hashes: each gives its block's origin, goes into the tree, and counts for the root. */

struct leaves {
	struct converge *converge;
	struct crypto_hasher *hasher;
	struct veritybuild build;
	uint8_t zero_hash[HASH];
	uint8_t chunk[LEAF_CHUNK];
	uint8_t standing[LEAF_CHUNK]; /* what the target's tree has in this place */
	gboolean has_standing;
};

static void zeros_fill(const uint8_t *zero_hash, uint8_t *ret_bytes)
{
	for (unsigned i = 0; i < VERITREE_HASHES_PER_BLOCK; i++)
		memcpy(ret_bytes + i * HASH, zero_hash, HASH);
}

static enum plan_origin origin_choose(const struct leaves *leaves, uint64_t block,
				      const uint8_t *hash, const uint8_t *standing)
{
	const struct converge *converge = leaves->converge;
	uint64_t from;

	if (memcmp(hash, leaves->zero_hash, HASH) == 0)
		return PLAN_ZERO;
	if ((converge->old != NULL && /* the same image: the only hint of one block's */
	     memcmp(converge->old->image->root_hash, converge->target.image->root_hash, HASH) ==
		     0) ||
	    (leaves->has_standing && memcmp(hash, standing, HASH) == 0) ||
	    (converge->old_keys != NULL && seed_has(converge->old_keys, hash, block)))
		return PLAN_KEEP;
	if (converge->seed_table != NULL && seed_find(converge->seed_table, hash, block, &from))
		return PLAN_COPY;
	return PLAN_FETCH;
}

static gboolean leaves_chunk(struct leaves *leaves, const uint8_t *chunk, uint64_t first,
			     uint64_t count, GError **error)
{
	struct converge *converge = leaves->converge;
	const struct window window = { first, count };

	leaves->has_standing = converge->target.tree.level_count > 0 &&
			       converge_wanted(&converge->target, &window, leaves->standing, NULL);
	for (uint64_t i = 0; i < count; i++) {
		plan_set(converge->plan, first + i,
			 origin_choose(leaves, first + i, chunk + i * HASH,
				       leaves->standing + i * HASH));
		if (!veritybuild_add(&leaves->build, chunk + i * HASH, error))
			return FALSE;
	}
	return TRUE;
}

/* A block of leaf hashes that is known without fetching it. FALSE: it is not what it should be. */
static gboolean leaves_local(const struct leaves *leaves, uint64_t number, uint8_t *ret_bytes)
{
	const struct converge *converge = leaves->converge;
	const uint32_t origin = converge->leaf_origins[number];
	const uint8_t *wanted = g_bytes_get_data(converge->parents, NULL);
	uint8_t hash[HASH];

	if (origin == LEAVES_ZERO) {
		zeros_fill(leaves->zero_hash, ret_bytes);
		return TRUE;
	}
	if (!disk_read(converge->seed->disk,
		       converge_offset(converge->seed,
				       converge->seed->tree.level_start[0] + origin - 1),
		       ret_bytes, BLOCK, NULL))
		return FALSE;
	crypto_hash(leaves->hasher, ret_bytes, BLOCK, hash);
	return memcmp(hash, wanted + number * HASH, HASH) == 0;
}

static gboolean is_local(const struct converge *converge, uint64_t number)
{
	return converge->leaf_origins != NULL && converge->leaf_origins[number] != LEAVES_FETCH;
}

/* Blocks of leaf hashes from `first` on, to a place with room for whole ones. */
static gboolean leaves_read(struct leaves *leaves, const struct bundle_section *section,
			    uint64_t first, size_t size_bytes, GError **error)
{
	struct converge *converge = leaves->converge;

	for (size_t at = 0; at < size_bytes;) {
		const uint64_t number = first + at / BLOCK;
		size_t size = MIN(BLOCK, size_bytes - at);

		if (!is_local(converge, number) ||
		    !leaves_local(leaves, number, leaves->chunk + at)) {
			while (at + size < size_bytes &&
			       !is_local(converge, first + (at + size) / BLOCK))
				size = MIN(size + BLOCK, size_bytes - at);
			if (!source_read(converge->bundle->source,
					 section->offset + first * BLOCK + at, leaves->chunk + at,
					 size, error))
				return FALSE;
		}
		at += size;
	}
	return TRUE;
}

static gboolean leaves_stream(struct leaves *leaves, const struct bundle_section *section,
			      GError **error)
{
	for (uint64_t done = 0; done < section->size_bytes;) {
		const size_t size = (size_t)MIN(LEAF_CHUNK, section->size_bytes - done);

		if (!leaves_read(leaves, section, done / BLOCK, size, error) ||
		    !leaves_chunk(leaves, leaves->chunk, done / HASH, size / HASH, error))
			return FALSE;
		done += size;
		if (!converge_step(leaves->converge, "read tree", done / HASH, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean tree_sink(gpointer user_data, uint64_t block, const uint8_t *bytes, GError **error)
{
	return converge_tree_write(user_data, block, bytes, error);
}

static const struct bundle_section *leaves_find(const struct converge *converge, GError **error)
{
	const struct bundle_section *section = bundle_find(converge->bundle, converge->payload,
							   BUNDLE_LEAVES);

	if (section == NULL)
		failure_set(error, FAULT_DELTA_BASE,
			    "the bundle holds %s only as a delta, and not against the release that "
			    "runs here",
			    converge->payload);
	else if (section->size_bytes != converge->target.tree.data_blocks * HASH)
		failure_set(error, FAULT_BUNDLE_LEAVES,
			    "the bundle has %" G_GUINT64_FORMAT
			    " bytes of leaf hashes for %s, not %" G_GUINT64_FORMAT,
			    section->size_bytes, converge->payload,
			    converge->target.tree.data_blocks * HASH);
	else
		return section;
	return NULL;
}

gboolean converge_leaves(struct converge *converge, GError **error)
{
	const struct bundle_section *section = leaves_find(converge, error);
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(&converge->target);
	g_autofree struct leaves *leaves = g_new0(struct leaves, 1);

	if (section == NULL)
		return FALSE;
	leaves->converge = converge;
	leaves->hasher = hasher;
	converge_hash_zeros(hasher, leaves->zero_hash);
	g_clear_pointer(&converge->plan, plan_free);
	converge->plan = plan_new(converge->target.tree.data_blocks);
	veritybuild_init(&leaves->build, &converge->target.tree, hasher, tree_sink, converge);
	if (!leaves_stream(leaves, section, error))
		return FALSE;
	if (memcmp(leaves->build.root, converge->target.image->root_hash, HASH) != 0)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the leaf hashes of %s do not give its signed root hash",
				   converge->payload);
	return converge_mark(converge, TRUE, error);
}

/* What the seed has: the hashes of its blocks of leaf hashes, by their first bytes. */
static GHashTable *seed_parents(const struct converge_place *seed, uint8_t *parents)
{
	const uint64_t count = seed->tree.level_blocks[0];
	GHashTable *table = g_hash_table_new(g_int64_hash, g_int64_equal);

	if (!disk_read(seed->disk, converge_offset(seed, seed->tree.level_start[1]), parents,
		       seed->tree.level_blocks[1] * BLOCK, NULL))
		return table;
	for (uint64_t i = 0; i < count; i++)
		g_hash_table_insert(table, parents + i * HASH, GUINT_TO_POINTER((guint)i + 1));
	return table;
}

static void origins_find(struct converge *converge)
{
	const struct veritree *tree = &converge->seed->tree;
	const uint8_t *wanted = g_bytes_get_data(converge->parents, NULL);
	const uint64_t count = converge->target.tree.level_blocks[0];
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(&converge->target);
	g_autofree uint8_t *parents = g_malloc(tree->level_blocks[1] * BLOCK);
	g_autoptr(GHashTable) known = seed_parents(converge->seed, parents);
	uint8_t hash[HASH];
	uint8_t bytes[BLOCK];

	converge_hash_zeros(hasher, hash);
	zeros_fill(hash, bytes);
	crypto_hash(hasher, bytes, BLOCK, hash);
	converge->leaf_origins = g_new0(uint32_t, count);
	for (uint64_t i = 0; i < count; i++)
		converge->leaf_origins[i] = memcmp(wanted + i * HASH, hash, HASH) == 0
						    ? LEAVES_ZERO
						    : GPOINTER_TO_UINT(g_hash_table_lookup(
							      known, wanted + i * HASH));
}

gboolean converge_parents(struct converge *converge, GError **error)
{
	const struct bundle_section *section = bundle_find(converge->bundle, converge->payload,
							   BUNDLE_PARENTS);

	if (section == NULL || converge->seed == NULL || converge->seed->tree.level_count < 2 ||
	    converge->bundle->source->ops->schedule == NULL)
		return TRUE;
	if (section->size_bytes != converge->target.tree.level_blocks[0] * HASH)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the bundle has %" G_GUINT64_FORMAT
				   " bytes of hashes of leaf hashes for %s, not %" G_GUINT64_FORMAT,
				   section->size_bytes, converge->payload,
				   converge->target.tree.level_blocks[0] * HASH);
	g_clear_pointer(&converge->parents, g_bytes_unref);
	g_clear_pointer(&converge->leaf_origins, g_free);
	converge->parents = bundle_section_read(converge->bundle, section, error);
	if (converge->parents == NULL)
		return FALSE;
	origins_find(converge);
	return TRUE;
}

void converge_leaf_ranges(const struct converge *converge, const struct bundle_section *section,
			  GArray *ranges)
{
	for (uint64_t at = 0; at < section->size_bytes; at += BLOCK) {
		const struct source_range range = { section->offset + at,
						    MIN(BLOCK, section->size_bytes - at) };

		if (!is_local(converge, at / BLOCK))
			g_array_append_val(ranges, range);
	}
}

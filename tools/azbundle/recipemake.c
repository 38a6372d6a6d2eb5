/* SPDX-License-Identifier: MIT */
#include "recipemake.h"

#include <string.h>

#include "failure.h"

enum { BLOCK = VERITREE_BLOCK_SIZE };

struct maker {
	const struct recipemake *make;
	struct recipe *recipe;
	GHashTable *objects; /* checksum, as GBytes -> its number plus one */
	unsigned chunks;
	uint64_t done; /* bytes of the bundle that the recipe has */
};

static uint32_t object_number(struct maker *maker, const uint8_t object[static RECIPE_HASH_SIZE])
{
	g_autoptr(GBytes) key = g_bytes_new(object, RECIPE_HASH_SIZE);
	const guint known = GPOINTER_TO_UINT(g_hash_table_lookup(maker->objects, key));
	const uint32_t number = recipe_object_count(maker->recipe);

	if (known != 0)
		return known - 1;
	g_byte_array_append(maker->recipe->objects, object, RECIPE_HASH_SIZE);
	g_hash_table_insert(maker->objects, g_steal_pointer(&key), GUINT_TO_POINTER(number + 1));
	return number;
}

/* What stands before `end` and is in no object yet. */
static gboolean chunks_add(struct maker *maker, uint64_t end, GError **error)
{
	while (maker->done < end) {
		const uint64_t size = MIN(RECIPEMAKE_CHUNK_SIZE, end - maker->done);
		g_autoptr(GBytes) chunk = g_bytes_new_from_bytes(maker->make->bytes, maker->done,
								 (gsize)size);
		uint8_t object[RECIPE_HASH_SIZE];

		if (!maker->make->chunk(maker->make->user_data, maker->chunks++, chunk, object,
					error))
			return FALSE;
		recipe_add(maker->recipe, object_number(maker, object), 0, size);
		maker->done += size;
	}
	return TRUE;
}

/* The content that the block at `offset` of the image begins within; NULL: there is none. */
static const struct recipemake_content *content_find(const struct maker *maker, uint64_t offset)
{
	const GArray *contents = maker->make->contents;
	guint low = 0, high = contents->len;

	while (low < high) {
		const guint middle = low + (high - low) / 2;
		const struct recipemake_content *content = &g_array_index(
			contents, struct recipemake_content, middle);

		if (offset < content->image_offset)
			high = middle;
		else if (offset >= content->image_offset + content->size_bytes)
			low = middle + 1;
		else
			return content;
	}
	return NULL;
}

static gboolean block_add(struct maker *maker, uint64_t position, uint64_t block, GError **error)
{
	const struct recipemake_content *content = content_find(maker, block * BLOCK);
	uint64_t offset, size;

	if (content == NULL || content->size_bytes > RECIPE_CONTENT_MAX)
		return TRUE;
	if (!chunks_add(maker, position, error))
		return FALSE;
	offset = block * BLOCK - content->image_offset;
	size = MIN(BLOCK, content->size_bytes - offset);
	recipe_add(maker->recipe, object_number(maker, content->object), offset, size);
	recipe_add(maker->recipe, RECIPE_ZEROS, 0, BLOCK - size);
	maker->done += BLOCK;
	return TRUE;
}

static gboolean root_add(struct maker *maker, const struct bundle_section *section, GError **error)
{
	const struct bundle *bundle = maker->make->bundle;
	g_autoptr(Frameindex) frames = bundle_index_read(
		bundle, "root", bundle->manifest->root.superblock.data_blocks, error);
	struct frame_entry entry = { 0 };

	if (frames == NULL)
		return FALSE;
	while (frameindex_next(frames, &entry)) {
		g_assert(entry.block_count == 1 && entry.stored_size % BLOCK == 0);
		if (entry.stored_size > 0 &&
		    !block_add(maker, section->offset + entry.offset, entry.first_block, error))
			return FALSE;
	}
	return TRUE;
}

/* Chunks end where sections do, so that what has not changed is cut the same again. */
static gboolean sections_add(struct maker *maker, GError **error)
{
	const struct bundle *bundle = maker->make->bundle;

	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];
		const gboolean is_root = section->kind == BUNDLE_FRAMES &&
					 strcmp(section->name, "root") == 0;

		if (!chunks_add(maker, section->offset, error) ||
		    (is_root && !root_add(maker, section, error)) ||
		    !chunks_add(maker, section->offset + section->size_bytes, error))
			return FALSE;
	}
	return chunks_add(maker, bundle->total_bytes, error);
}

struct recipe *recipemake(const struct recipemake *make, GError **error)
{
	g_autoptr(Recipe) recipe = recipe_new();
	struct maker maker = { .make = make, .recipe = recipe };
	gboolean done;

	maker.objects = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
					      (GDestroyNotify)g_bytes_unref, NULL);
	done = sections_add(&maker, error);
	g_hash_table_unref(maker.objects);
	return done ? g_steal_pointer(&recipe) : NULL;
}

/* SPDX-License-Identifier: MIT */
#include "lintimage.h"

#include <string.h>

#include "bytes.h"
#include "failure.h"

/* Words are multiplied and folded; the constants are odd and have about as many ones as zeros. */
uint64_t lint_hash(const uint8_t *bytes, size_t size_bytes)
{
	static const uint64_t FACTOR = 0x9e3779b97f4a7c15;
	uint64_t hash = size_bytes * FACTOR;
	uint64_t word;
	size_t at = 0;

	for (; at + sizeof word <= size_bytes; at += sizeof word) {
		memcpy(&word, bytes + at, sizeof word);
		hash = (hash ^ word) * FACTOR;
		hash ^= hash >> 29;
	}
	word = 0;
	memcpy(&word, bytes + at, size_bytes - at);
	hash = (hash ^ word) * FACTOR;
	return hash ^ hash >> 32;
}

/* The path without the digits in its first `size` bytes. */
static char *without_digits(const char *path, size_t size)
{
	GString *like = g_string_new(NULL);

	for (size_t i = 0; path[i] != '\0'; i++)
		if (i >= size || !g_ascii_isdigit(path[i]))
			g_string_append_c(like, path[i]);
	return g_string_free(like, FALSE);
}

static char *place_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return without_digits(path, slash != NULL ? (size_t)(slash - path) : 0);
}

static char *likeness_of(const char *path)
{
	return without_digits(path, strlen(path));
}

GBytes *lint_image_read(const struct lint_image *image, const struct lint_file *file)
{
	return filemap_read(image->map, file->file, image->bytes, LINT_CONTENT_MAX);
}

static void file_add(struct lint_image *image, const struct filemap_file *found)
{
	struct lint_file *file;
	g_autoptr(GBytes) content = NULL;
	const struct lint_file entry = { .file = found };

	g_array_append_val(image->files, entry); /* never moves: it has its room */
	file = &g_array_index(image->files, struct lint_file, image->files->len - 1);
	if ((found->flags & FILEMAP_CONTAINER) != 0)
		return;
	content = lint_image_read(image, file);
	if (content == NULL)
		return;
	file->is_readable = TRUE;
	file->hash = lint_hash(g_bytes_get_data(content, NULL), g_bytes_get_size(content));
	g_hash_table_insert(image->by_path, found->path, file);
	g_hash_table_insert(image->by_place, place_of(found->path), file);
	g_hash_table_insert(image->by_likeness, likeness_of(found->path), file);
}

/* Takes the map over. */
static struct lint_image *image_new(const char *path, GBytes *content, struct filemap *map)
{
	struct lint_image *image = g_new0(struct lint_image, 1);

	image->path = path;
	image->content = g_bytes_ref(content);
	image->bytes = g_bytes_get_data(content, NULL);
	image->map = map;
	image->files = g_array_sized_new(FALSE, FALSE, sizeof(struct lint_file), map->files->len);
	image->by_path = g_hash_table_new(g_str_hash, g_str_equal);
	image->by_place = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	image->by_likeness = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < map->files->len; i++)
		file_add(image, &g_array_index(map->files, struct filemap_file, i));
	return image;
}

struct lint_image *lint_image_decode(GBytes *content)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(content, &size_bytes);

	return image_new("", content, filemap_decode(bytes, size_bytes));
}

struct lint_image *lint_image_open(const char *path, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GMappedFile) mapping = g_mapped_file_new(path, FALSE, &why);
	g_autoptr(GBytes) content = NULL;
	struct filemap *map;

	if (mapping == NULL) {
		failure_set(error, FAULT_BUILD_INPUT, "%s", why->message);
		return NULL;
	}
	map = filemap_open(path, error);
	if (map == NULL)
		return NULL;
	content = g_mapped_file_get_bytes(mapping);
	return image_new(path, content, map);
}

void lint_image_free(struct lint_image *image)
{
	if (image == NULL)
		return;
	g_hash_table_unref(image->by_path);
	g_hash_table_unref(image->by_place);
	g_hash_table_unref(image->by_likeness);
	g_clear_pointer(&image->blocks, g_hash_table_unref);
	g_array_unref(image->files);
	filemap_free(image->map);
	g_bytes_unref(image->content);
	g_free(image);
}

const struct lint_file *lint_image_match(const struct lint_image *old, const char *path)
{
	const struct lint_file *file = g_hash_table_lookup(old->by_path, path);
	g_autofree char *place = place_of(path);
	g_autofree char *like = likeness_of(path);

	if (file == NULL)
		file = g_hash_table_lookup(old->by_place, place);
	if (file != NULL)
		return file;
	return g_hash_table_lookup(old->by_likeness, like);
}

gboolean lint_image_has_block(struct lint_image *image, const uint8_t *block)
{
	const uint64_t count = image->map->size_bytes / LINT_BLOCK_SIZE;

	if (image->blocks == NULL) {
		image->blocks = g_hash_table_new(NULL, NULL);
		for (uint64_t i = 0; i < count; i++)
			g_hash_table_add(image->blocks,
					 (gpointer)lint_hash(image->bytes + i * LINT_BLOCK_SIZE,
							     LINT_BLOCK_SIZE));
	}
	return g_hash_table_contains(image->blocks, (gpointer)lint_hash(block, LINT_BLOCK_SIZE));
}

static gint extent_compare(gconstpointer a, gconstpointer b)
{
	const struct filemap_extent *first = a;
	const struct filemap_extent *second = b;

	return (first->image_offset > second->image_offset) -
	       (first->image_offset < second->image_offset);
}

/* Adds what of [start, end) is not zero, by blocks. */
static void metadata_add(const struct lint_image *image, GArray *extents, uint64_t start,
			 uint64_t end)
{
	while (start < end) {
		const uint64_t stop = MIN(end, start / LINT_BLOCK_SIZE * LINT_BLOCK_SIZE +
						       LINT_BLOCK_SIZE);
		const struct filemap_extent extent = { 0, start, stop - start };

		if (!bytes_are_zero(image->bytes + start, (size_t)(stop - start)))
			g_array_append_val(extents, extent);
		start = stop;
	}
}

static GArray *taken_extents(const struct lint_image *image)
{
	GArray *taken = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent));

	for (guint i = 0; i < image->files->len; i++) {
		const struct filemap_file *file =
			g_array_index(image->files, struct lint_file, i).file;

		if ((file->flags & FILEMAP_CONTAINER) == 0 && file->extent_count > 0)
			g_array_append_vals(taken,
					    &g_array_index(image->map->extents,
							   struct filemap_extent,
							   file->first_extent),
					    file->extent_count);
	}
	g_array_append_vals(taken, image->map->free_extents->data, image->map->free_extents->len);
	g_array_sort(taken, extent_compare);
	return taken;
}

GArray *lint_image_metadata(const struct lint_image *image)
{
	g_autoptr(GArray) taken = taken_extents(image);
	GArray *extents = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent));
	uint64_t at = 0;

	for (guint i = 0; i < taken->len; i++) {
		const struct filemap_extent *extent = &g_array_index(taken, struct filemap_extent,
								     i);

		metadata_add(image, extents, at, extent->image_offset);
		at = MAX(at, extent->image_offset + extent->size_bytes);
	}
	metadata_add(image, extents, at, image->map->size_bytes);
	return extents;
}

/* The index of the first stamp that ends behind `offset`; stamps rise. */
static guint stamp_first(const GArray *stamps, uint64_t offset)
{
	guint low = 0;
	guint high = stamps->len;

	while (low < high) {
		const guint middle = low + (high - low) / 2;
		const struct filemap_stamp *stamp = &g_array_index(stamps, struct filemap_stamp,
								   middle);

		if (stamp->image_offset + stamp->size_bytes <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void times_clear(const GArray *stamps, const struct filemap_extent *extent, uint8_t *bytes)
{
	const uint64_t end = extent->image_offset + extent->size_bytes;

	for (guint i = stamp_first(stamps, extent->image_offset); i < stamps->len; i++) {
		const struct filemap_stamp *stamp = &g_array_index(stamps, struct filemap_stamp, i);
		const uint64_t start = MAX(stamp->image_offset, extent->image_offset);
		const uint64_t stop = MIN(stamp->image_offset + stamp->size_bytes, end);

		if (start >= end)
			return;
		memset(bytes + (start - extent->image_offset), 0, (size_t)(stop - start));
	}
}

static gint stamp_compare(gconstpointer a, gconstpointer b)
{
	const struct filemap_stamp *first = a;
	const struct filemap_stamp *second = b;

	return (first->image_offset > second->image_offset) -
	       (first->image_offset < second->image_offset);
}

GBytes *lint_image_gather(const struct lint_image *image, const GArray *extents,
			  gboolean without_times)
{
	GByteArray *all = g_byte_array_new();
	GArray *stamps = image->map->stamps;

	g_array_sort(stamps, stamp_compare);
	for (guint i = 0; i < extents->len; i++) {
		const struct filemap_extent *extent = &g_array_index(extents, struct filemap_extent,
								     i);

		if (extent->size_bytes > LINT_CONTENT_MAX - all->len)
			break; /* more is not looked into */
		g_byte_array_append(all, image->bytes + extent->image_offset,
				    (guint)extent->size_bytes);
		if (without_times)
			times_clear(stamps, extent, all->data + all->len - extent->size_bytes);
	}
	return g_byte_array_free_to_bytes(all);
}

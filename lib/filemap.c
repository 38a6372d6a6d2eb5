/* SPDX-License-Identifier: MIT */
#include "filemap.h"

#include <string.h>

#include "bytes.h"
#include "failure.h"
#include "filemap_private.h"

static struct filemap *filemap_new(uint64_t size_bytes)
{
	struct filemap *map = g_new0(struct filemap, 1);

	map->size_bytes = size_bytes;
	map->files = g_array_new(FALSE, FALSE, sizeof(struct filemap_file));
	map->extents = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent));
	map->stamps = g_array_new(FALSE, FALSE, sizeof(struct filemap_stamp));
	map->free_extents = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent));
	return map;
}

void filemap_free(struct filemap *map)
{
	if (map == NULL)
		return;
	for (guint i = 0; i < map->files->len; i++)
		g_free(g_array_index(map->files, struct filemap_file, i).path);
	g_array_unref(map->files);
	g_array_unref(map->extents);
	g_array_unref(map->stamps);
	g_array_unref(map->free_extents);
	g_free(map);
}

struct filemap_draft filemap_draft_new(const struct filemap_maker *maker, uint64_t size_bytes)
{
	return (struct filemap_draft){
		.file = { .size_bytes = size_bytes, .first_extent = maker->map->extents->len },
	};
}

void filemap_draft_extent(struct filemap_maker *maker, struct filemap_draft *draft,
			  struct filemap_extent extent)
{
	GArray *extents = maker->map->extents;
	struct filemap_extent *last;

	if (extent.file_offset >= draft->file.size_bytes)
		return;
	extent.size_bytes = MIN(extent.size_bytes, draft->file.size_bytes - extent.file_offset);
	if (!bytes_range_is_inside(extent.image_offset, extent.size_bytes, maker->size_bytes)) {
		draft->file.flags |= FILEMAP_DAMAGED;
		return;
	}
	if (extents->len > draft->file.first_extent) {
		last = &g_array_index(extents, struct filemap_extent, extents->len - 1);
		if (last->file_offset + last->size_bytes > extent.file_offset) {
			draft->file.flags |= FILEMAP_DAMAGED; /* not rising */
			return;
		}
		if (last->file_offset + last->size_bytes == extent.file_offset &&
		    last->image_offset + last->size_bytes == extent.image_offset) {
			last->size_bytes += extent.size_bytes;
			return;
		}
	}
	if (extents->len >= FILEMAP_EXTENTS_MAX)
		draft->is_full = TRUE;
	else
		g_array_append_val(extents, extent);
}

gboolean filemap_draft_add(struct filemap_maker *maker, struct filemap_draft *draft,
			   const char *path)
{
	struct filemap *map = maker->map;
	struct filemap_file *file = &draft->file;

	if (draft->is_full || map->files->len >= FILEMAP_FILES_MAX) {
		g_array_set_size(map->extents, file->first_extent);
		map->is_partial = TRUE;
		return FALSE;
	}
	if ((file->flags & FILEMAP_DAMAGED) != 0) {
		g_array_set_size(map->extents, file->first_extent);
		map->damaged_count++;
	}
	file->extent_count = map->extents->len - file->first_extent;
	file->path = g_strdup(path);
	g_array_append_val(map->files, *file);
	return TRUE;
}

char *filemap_path(const char *folder, const char *name, size_t name_size)
{
	if (name_size == 0 || memchr(name, '\0', name_size) != NULL ||
	    strlen(folder) + 1 + name_size > FILEMAP_PATH_MAX)
		return NULL;
	return g_strdup_printf("%s%s%.*s", folder, *folder != '\0' ? "/" : "", (int)name_size,
			       name);
}

static gint file_compare(gconstpointer a, gconstpointer b)
{
	const struct filemap_file *first = a;
	const struct filemap_file *second = b;

	return strcmp(first->path, second->path);
}

static gboolean starts_with(const struct filemap_maker *maker, const char *magic)
{
	return maker->size_bytes >= strlen(magic) &&
	       memcmp(maker->bytes, magic, strlen(magic)) == 0;
}

static enum filemap_kind kind_find(const struct filemap_maker *maker)
{
	if (filemap_is_erofs(maker))
		return FILEMAP_EROFS;
	if (filemap_is_ext4(maker))
		return FILEMAP_EXT4;
	if (starts_with(maker, "MZ"))
		return FILEMAP_UKI;
	if (starts_with(maker, "070701") || starts_with(maker, "070702"))
		return FILEMAP_CPIO;
	return starts_with(maker, "hsqs") ? FILEMAP_SQUASHFS : FILEMAP_UNKNOWN;
}

static struct filemap *image_decode(const uint8_t *bytes, size_t size_bytes, const char *path)
{
	struct filemap *map = filemap_new(size_bytes);
	struct filemap_maker maker = { .map = map, .bytes = bytes, .size_bytes = size_bytes };

	map->kind = kind_find(&maker);
	switch (map->kind) {
	case FILEMAP_EROFS:
		filemap_erofs(&maker);
		break;
	case FILEMAP_EXT4:
		if (path != NULL)
			filemap_ext4(&maker, path);
		break;
	case FILEMAP_UKI:
		filemap_uki(&maker);
		break;
	case FILEMAP_CPIO:
		(void)filemap_cpio(&maker, "", 0, size_bytes); /* what follows has no name */
		break;
	case FILEMAP_SQUASHFS:
	case FILEMAP_UNKNOWN:
		break;
	}
	g_array_sort(map->files, file_compare);
	return map;
}

struct filemap *filemap_decode(const uint8_t *bytes, size_t size_bytes)
{
	return image_decode(bytes, size_bytes, NULL);
}

struct filemap *filemap_open(const char *image_path, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GMappedFile) file = g_mapped_file_new(image_path, FALSE, &why);

	if (file == NULL) {
		failure_set(error, FAULT_BUILD_INPUT, "%s", why->message);
		return NULL;
	}
	return image_decode((const uint8_t *)g_mapped_file_get_contents(file),
			    g_mapped_file_get_length(file), image_path);
}

const char *filemap_kind_name(enum filemap_kind kind)
{
	static const char *const NAMES[] = {
		[FILEMAP_UNKNOWN] = "unknown", [FILEMAP_EROFS] = "erofs",
		[FILEMAP_EXT4] = "ext4",       [FILEMAP_UKI] = "uki",
		[FILEMAP_CPIO] = "cpio",       [FILEMAP_SQUASHFS] = "squashfs",
	};

	return NAMES[kind];
}

const struct filemap_file *filemap_find(const struct filemap *map, const char *path)
{
	guint low = 0;
	guint high = map->files->len;
	const struct filemap_file *file;

	while (low < high) {
		const guint middle = low + (high - low) / 2;

		file = &g_array_index(map->files, struct filemap_file, middle);
		if (strcmp(file->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == map->files->len)
		return NULL;
	file = &g_array_index(map->files, struct filemap_file, low);
	return strcmp(file->path, path) == 0 ? file : NULL;
}

GBytes *filemap_read(const struct filemap *map, const struct filemap_file *file,
		     const uint8_t *image, size_t size_max)
{
	uint8_t *content;

	if (file->size_bytes > size_max ||
	    (file->flags & (FILEMAP_COMPRESSED | FILEMAP_DAMAGED)) != 0)
		return NULL;
	content = g_malloc0((size_t)file->size_bytes);
	for (unsigned i = 0; i < file->extent_count; i++) {
		const struct filemap_extent *extent = &g_array_index(
			map->extents, struct filemap_extent, file->first_extent + i);

		memcpy(content + extent->file_offset, image + extent->image_offset,
		       (size_t)extent->size_bytes);
	}
	return g_bytes_new_take(content, (size_t)file->size_bytes);
}

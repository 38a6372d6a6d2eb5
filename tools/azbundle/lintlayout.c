/* SPDX-License-Identifier: MIT */
/* Checks of how an image is laid out: what differs although no file did. */
#include <string.h>

#include "bytes.h"
#include "lint.h"
#include "patchsize.h"

static const struct filemap_extent *extent_at(const struct lint_run *run, unsigned index)
{
	return &g_array_index(run->image->map->extents, struct filemap_extent, index);
}

static gboolean has_packed_files(const struct lint_run *run)
{
	const GArray *files = run->image->map->files;

	for (guint i = 0; i < files->len; i++)
		if ((g_array_index(files, struct filemap_file, i).flags & FILEMAP_COMPRESSED) != 0)
			return TRUE;
	return FALSE;
}

/* Which bytes such files take is not known: it is all that no other file has. */
void lint_packed_file_system(struct lint_run *run, struct lint_finding *finding)
{
	const struct filemap *map = run->image->map;
	const struct filemap_extent all = { 0, 0, map->size_bytes };

	if (map->kind == FILEMAP_SQUASHFS) {
		finding->count = 1;
		finding->bytes = map->size_bytes;
		lint_finding_extent(finding, &all);
	}
	for (guint i = 0; i < map->files->len; i++) {
		const struct filemap_file *file = &g_array_index(map->files, struct filemap_file,
								 i);

		if ((file->flags & FILEMAP_COMPRESSED) != 0)
			lint_finding_file(run, finding, file);
	}
	if (has_packed_files(run))
		g_array_append_vals(finding->extents, run->metadata->data, run->metadata->len);
}

/* Whether the device would have to fetch some block of this run of bytes. */
static gboolean is_moved(const struct lint_run *run, const struct filemap_extent *extent)
{
	const uint64_t end = extent->image_offset + extent->size_bytes;

	for (uint64_t at = extent->image_offset / LINT_BLOCK_SIZE * LINT_BLOCK_SIZE; at < end;
	     at += LINT_BLOCK_SIZE)
		if (at + LINT_BLOCK_SIZE <= run->image->map->size_bytes &&
		    !lint_image_has_block(run->old, run->image->bytes + at))
			return TRUE;
	return FALSE;
}

/* Bytes of unchanged files that had to be fetched: where they are, and where they were. */
struct moved {
	GArray *extents;
	GArray *old_extents; /* in the old image */
};

static gint extent_compare(gconstpointer a, gconstpointer b)
{
	const struct filemap_extent *first = a;
	const struct filemap_extent *second = b;

	return (first->image_offset > second->image_offset) -
	       (first->image_offset < second->image_offset);
}

/* What a delta needs to put those bytes to their new places: both as they stand in their images. */
static gint64 moved_patch(const struct lint_run *run, const struct moved *moved)
{
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GBytes) old = NULL;

	g_array_sort(moved->extents, extent_compare);
	g_array_sort(moved->old_extents, extent_compare);
	bytes = lint_image_gather(run->image, moved->extents, FALSE);
	old = lint_image_gather(run->old, moved->old_extents, FALSE);
	return (gint64)patchsize(bytes, old);
}

/* Where the same bytes of the file are in the old image. */
static void old_extents_add(const struct lint_run *run, const struct lint_file *file,
			    const struct filemap_extent *wanted, GArray *extents)
{
	const struct filemap_file *old = lint_old_self(run, file)->file;
	const uint64_t end = wanted->file_offset + wanted->size_bytes;

	for (unsigned i = 0; i < old->extent_count; i++) {
		struct filemap_extent extent = g_array_index(
			run->old->map->extents, struct filemap_extent, old->first_extent + i);
		const uint64_t start = MAX(extent.file_offset, wanted->file_offset);
		const uint64_t stop = MIN(extent.file_offset + extent.size_bytes, end);

		if (start >= stop)
			continue;
		extent.image_offset += start - extent.file_offset;
		extent.file_offset = start;
		extent.size_bytes = stop - start;
		g_array_append_val(extents, extent);
	}
}

/* A tail is the last extent; where an inode has all of the data, both. */
static gboolean is_tail(const struct lint_run *run, const struct filemap_file *file, unsigned index)
{
	return (file->flags & FILEMAP_INLINE_TAIL) != 0 &&
	       (index + 1 == file->extent_count || run->image->map->kind == FILEMAP_EXT4);
}

/* Adds the extents of one unchanged file that had to be fetched; returns their size. */
static uint64_t moved_add(const struct lint_run *run, const struct lint_file *file, gboolean tails,
			  struct moved *moved)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < file->file->extent_count; i++) {
		const struct filemap_extent *extent = extent_at(run, file->file->first_extent + i);

		if (is_tail(run, file->file, i) != tails || !is_moved(run, extent))
			continue;
		g_array_append_val(moved->extents, *extent);
		old_extents_add(run, file, extent, moved->old_extents);
		size += extent->size_bytes;
	}
	return size;
}

static void moved_count(struct lint_run *run, struct lint_finding *finding, gboolean tails)
{
	g_autoptr(GArray) old_extents = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent));
	struct moved moved = { finding->extents, old_extents };

	for (guint i = 0; i < run->image->files->len; i++) {
		const struct lint_file *file = &g_array_index(run->image->files, struct lint_file,
							      i);
		uint64_t size;

		if (!file->is_readable || !lint_is_same(run, file))
			continue;
		size = moved_add(run, file, tails, &moved);
		if (size == 0)
			continue;
		finding->count++;
		finding->bytes += size;
		lint_finding_example(finding, file->file->path);
	}
	if (finding->count > 0)
		finding->delta_bytes = moved_patch(run, &moved);
}

void lint_inline_tails(struct lint_run *run, struct lint_finding *finding)
{
	if (run->old != NULL) {
		moved_count(run, finding, TRUE);
		return;
	}
	for (guint i = 0; i < run->image->map->files->len; i++) {
		const struct filemap_file *file = &g_array_index(run->image->map->files,
								 struct filemap_file, i);
		const struct filemap_extent *tail;

		if ((file->flags & FILEMAP_INLINE_TAIL) == 0 || file->extent_count == 0)
			continue;
		tail = extent_at(run, file->first_extent + file->extent_count - 1);
		finding->count++;
		finding->bytes += tail->size_bytes;
		lint_finding_example(finding, file->path);
		lint_finding_extent(finding, tail);
	}
}

void lint_shifted_files(struct lint_run *run, struct lint_finding *finding)
{
	if (run->old != NULL)
		moved_count(run, finding, FALSE);
}

static uint64_t metadata_patch(const struct lint_run *run, gboolean without_times)
{
	g_autoptr(GBytes) now = lint_image_gather(run->image, run->metadata, without_times);
	g_autoptr(GBytes) then = lint_image_gather(run->old, run->old_metadata, without_times);

	return patchsize(now, then);
}

void lint_metadata(struct lint_run *run, struct lint_finding *finding)
{
	if (run->old == NULL || run->image->map->block_size == 0 || has_packed_files(run))
		return;
	for (guint i = 0; i < run->metadata->len; i++) {
		const struct filemap_extent *extent = &g_array_index(run->metadata,
								     struct filemap_extent, i);

		if (!is_moved(run, extent))
			continue;
		finding->count++;
		finding->bytes += extent->size_bytes;
		lint_finding_extent(finding, extent);
	}
	if (finding->count > 0)
		finding->delta_bytes = (gint64)metadata_patch(run, FALSE);
}

/* New times: above SOURCE_DATE_EPOCH, or, where that is not known, not of the old image. */
static unsigned times_count(const struct lint_run *run)
{
	g_autoptr(GHashTable) known = g_hash_table_new(g_int64_hash, g_int64_equal);
	const GArray *stamps = run->image->map->stamps;
	unsigned count = 0;

	for (guint i = 0; run->old != NULL && i < run->old->map->stamps->len; i++)
		g_hash_table_add(
			known,
			&g_array_index(run->old->map->stamps, struct filemap_stamp, i).time_s);
	for (guint i = 0; i < stamps->len; i++) {
		const gint64 *time_s = &g_array_index(stamps, struct filemap_stamp, i).time_s;

		if (run->epoch_s >= 0)
			count += *time_s > run->epoch_s;
		else if (run->old != NULL)
			count += !g_hash_table_contains(known, time_s);
	}
	return count;
}

void lint_times(struct lint_run *run, struct lint_finding *finding)
{
	const GArray *stamps = run->image->map->stamps;
	uint64_t with_times;
	uint64_t without;

	finding->count = times_count(run);
	if (finding->count == 0)
		return;
	for (guint i = 0; i < stamps->len; i++)
		finding->bytes += g_array_index(stamps, struct filemap_stamp, i).size_bytes;
	if (run->old == NULL || has_packed_files(run))
		return;
	with_times = metadata_patch(run, FALSE);
	without = metadata_patch(run, TRUE);
	finding->delta_bytes = with_times > without ? (gint64)(with_times - without) : 0;
}

static GArray *dirty_blocks(const struct lint_image *image)
{
	GArray *dirty = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent));

	for (guint i = 0; i < image->map->free_extents->len; i++) {
		const struct filemap_extent *run = &g_array_index(image->map->free_extents,
								  struct filemap_extent, i);
		const unsigned size = image->map->block_size;

		for (uint64_t at = 0; at < run->size_bytes; at += size) {
			const struct filemap_extent block = { 0, run->image_offset + at, size };

			if (!bytes_are_zero(image->bytes + block.image_offset, size))
				g_array_append_val(dirty, block);
		}
	}
	return dirty;
}

void lint_free_blocks(struct lint_run *run, struct lint_finding *finding)
{
	g_autoptr(GArray) dirty = dirty_blocks(run->image);
	g_autoptr(GArray) old_dirty = NULL;
	g_autoptr(GBytes) now = NULL;
	g_autoptr(GBytes) then = NULL;

	finding->count = dirty->len;
	finding->bytes = (uint64_t)dirty->len * run->image->map->block_size;
	g_array_append_vals(finding->extents, dirty->data, dirty->len);
	if (run->old == NULL || dirty->len == 0)
		return;
	old_dirty = dirty_blocks(run->old);
	now = lint_image_gather(run->image, dirty, FALSE);
	then = lint_image_gather(run->old, old_dirty, FALSE);
	finding->delta_bytes = (gint64)patchsize(now, then);
}

/* What is between the end of a file and the end of its last block. */
void lint_slack(struct lint_run *run, struct lint_finding *finding)
{
	const struct filemap *map = run->image->map;

	for (guint i = 0; map->block_size > 0 && i < map->files->len; i++) {
		const struct filemap_file *file = &g_array_index(map->files, struct filemap_file,
								 i);
		struct filemap_extent slack = { 0 };
		uint64_t end;

		if (file->extent_count == 0 || (file->flags & FILEMAP_INLINE_TAIL) != 0)
			continue;
		slack = *extent_at(run, file->first_extent + file->extent_count - 1);
		slack.image_offset += slack.size_bytes;
		end = (slack.image_offset + map->block_size - 1) / map->block_size *
		      map->block_size;
		slack.size_bytes = MIN(end, map->size_bytes) - slack.image_offset;
		if (bytes_are_zero(run->image->bytes + slack.image_offset,
				   (size_t)slack.size_bytes))
			continue;
		finding->count++;
		finding->bytes += slack.size_bytes;
		lint_finding_example(finding, file->path);
		lint_finding_extent(finding, &slack);
	}
}

void lint_damaged(struct lint_run *run, struct lint_finding *finding)
{
	const struct filemap *map = run->image->map;

	finding->count = map->damaged_count + (map->is_partial ? 1 : 0);
	for (guint i = 0; i < map->files->len; i++) {
		const struct filemap_file *file = &g_array_index(map->files, struct filemap_file,
								 i);

		if ((file->flags & FILEMAP_DAMAGED) == 0)
			continue;
		finding->bytes += file->size_bytes;
		lint_finding_example(finding, file->path);
	}
}

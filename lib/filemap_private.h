/* SPDX-License-Identifier: MIT */
#pragma once
/* What filemap's back ends share: a map in the making, over an image in memory. */

#include "filemap.h"

struct filemap_maker {
	struct filemap *map;
	const uint8_t *bytes;
	uint64_t size_bytes;
};

/* One file in the making: its extents are the last ones of the map. */
struct filemap_draft {
	struct filemap_file file;
	gboolean is_full; /* the map has no room for its extents */
};

struct filemap_draft filemap_draft_new(const struct filemap_maker *maker, uint64_t size_bytes);
/* Cut at the end of the file, joined with the one before where that is possible. What is outside of
 * the image marks the file as damaged. */
void filemap_draft_extent(struct filemap_maker *maker, struct filemap_draft *draft,
			  struct filemap_extent extent);
/* Adds the file; a damaged one without its extents. FALSE: the map is full, and says so. */
gboolean filemap_draft_add(struct filemap_maker *maker, struct filemap_draft *draft,
			   const char *path);

/* "FOLDER/NAME", or NULL if it is too long or no name that a file can have. */
char *filemap_path(const char *folder, const char *name, size_t name_size);

/* Back ends. What they find is added to the map. */
void filemap_erofs(struct filemap_maker *maker);
void filemap_ext4(struct filemap_maker *maker, const char *image_path);
void filemap_uki(struct filemap_maker *maker);
/* The archives from `offset` on, with paths below `folder` ("" for none). Returns how many bytes
 * they take: behind them, something else starts, such as a compressed archive. */
uint64_t filemap_cpio(struct filemap_maker *maker, const char *folder, uint64_t offset,
		      uint64_t size_bytes);

gboolean filemap_is_erofs(const struct filemap_maker *maker);
gboolean filemap_is_ext4(const struct filemap_maker *maker);

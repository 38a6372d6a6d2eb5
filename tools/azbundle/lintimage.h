/* SPDX-License-Identifier: MIT */
#pragma once
/* Images as azbundle lint sees them: files with their hashes, and blocks to look up. Hashes are
 * 64 bits that are no secret of anybody: good enough to count with, not to trust. */

#include <glib.h>
#include <stdint.h>

#include "filemap.h"

enum {
	LINT_BLOCK_SIZE = 4096,
	LINT_CONTENT_MAX = 1 << 30, /* a file above that is not looked into */
};

struct lint_file {
	const struct filemap_file *file;
	uint64_t hash;
	gboolean is_readable; /* its content can be had, and it is no container */
};

struct lint_image {
	const char *path; /* borrowed */
	GBytes *content;
	const uint8_t *bytes;
	struct filemap *map;
	GArray *files;           /* struct lint_file; one for each of the map */
	GHashTable *by_path;     /* char * to struct lint_file *, of those that are readable */
	GHashTable *by_place;    /* the same, by paths without the digits of their folders */
	GHashTable *by_likeness; /* the same, by paths without digits */
	GHashTable *blocks;      /* hashes of blocks, as pointers; NULL until they are asked for */
};
typedef struct lint_image LintImage; /* for g_autoptr() only */

struct lint_image *lint_image_open(const char *path, GError **error);
/* Of an archive in memory, such as an initrd that was unpacked. */
struct lint_image *lint_image_decode(GBytes *content);
void lint_image_free(struct lint_image *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LintImage, lint_image_free)

GBytes *lint_image_read(const struct lint_image *image, const struct lint_file *file);
/* The file's old self: of the same path, or of the same path but for digits, first of the folders
 * ("modules/6.1.0-50/x.ko"), then of the name, too ("libx.so.1"). NULL: it is new. */
const struct lint_file *lint_image_match(const struct lint_image *old, const char *path);
/* Whether a block of these bytes is in the image, at any place. */
gboolean lint_image_has_block(struct lint_image *image, const uint8_t *block);
/* Bytes that no file has and that are not free: metadata, but for what is zero. Extents' file
 * offsets are those in all of it. */
GArray *lint_image_metadata(const struct lint_image *image);

uint64_t lint_hash(const uint8_t *bytes, size_t size_bytes);
/* Joins the extents; with `without_times`, where times of inodes are they become zeros. */
GBytes *lint_image_gather(const struct lint_image *image, const GArray *extents,
			  gboolean without_times);

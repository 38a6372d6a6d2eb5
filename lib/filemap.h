/* SPDX-License-Identifier: MIT */
#pragma once
/* File maps: which files an image holds, and where in the image their bytes stand; so that who
 * makes a delta can compare a file with its old self, and azbundle lint can name what is large.
 *
 * Known are EROFS (plain, inline and chunk-based data), ext2 to ext4, UKIs with their sections, and
 * uncompressed cpio archives (newc, concatenated), alone or as a UKI's initrd. squashfs is only
 * recognized: its blocks are compressed, so where a file's bytes stand helps nobody.
 *
 * For the build side. The image may be hostile: what does not fit is left out and counted, and
 * memory stays within the limits below; no input makes this fail but one that cannot be read. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FILEMAP_FILES_MAX = 1 << 21,
	FILEMAP_EXTENTS_MAX = 1 << 22,
	FILEMAP_PATH_MAX = 4096,
};

enum filemap_kind {
	FILEMAP_UNKNOWN,
	FILEMAP_EROFS,
	FILEMAP_EXT4,
	FILEMAP_UKI,
	FILEMAP_CPIO,
	FILEMAP_SQUASHFS,
};

enum filemap_flags {
	FILEMAP_COMPRESSED = 1,  /* by the file system: no extents */
	FILEMAP_CONTAINER = 2,   /* what it holds follows as files of their own, "PATH/..." */
	FILEMAP_INLINE_TAIL = 4, /* its last extent stands among the metadata, not at a block */
	FILEMAP_DAMAGED = 8,     /* some of its bytes would be outside of the image: no extents */
};

/* A run of a file's bytes. Holes have none. */
struct filemap_extent {
	uint64_t file_offset;
	uint64_t image_offset;
	uint64_t size_bytes;
};

/* A regular file with its data; of several hard links, one. */
struct filemap_file {
	char *path;          /* "usr/bin/x", ".linux", ".initrd/usr/bin/x"; any bytes but NUL */
	uint64_t size_bytes; /* may be far more than its extents have: a sparse or damaged file */
	unsigned first_extent, extent_count; /* in filemap.extents, by rising file offset */
	unsigned flags;                      /* of enum filemap_flags */
};

/* Where a file system keeps the times of one inode of any type, and its time of modification. */
struct filemap_stamp {
	uint64_t image_offset;
	unsigned size_bytes;
	gint64 time_s; /* since 1970 */
};

struct filemap {
	enum filemap_kind kind;
	uint64_t size_bytes;    /* of the image */
	unsigned block_size;    /* of the file system; 0: has none */
	GArray *files;          /* struct filemap_file by path; of equal paths, as they stand */
	GArray *extents;        /* struct filemap_extent */
	GArray *stamps;         /* struct filemap_stamp */
	GArray *free_extents;   /* struct filemap_extent: what the file system says is free */
	unsigned damaged_count; /* what was left out because it cannot be */
	gboolean is_partial;    /* the image has more than the limits allow; the rest is left out */
};
typedef struct filemap Filemap; /* for g_autoptr() only */

/* An image of an unknown kind gives a map without files. FAULT_BUILD_INPUT: it cannot be read. */
struct filemap *filemap_open(const char *image_path, GError **error);
/* The same of an image in memory, but for ext4, of which only the kind is told. */
struct filemap *filemap_decode(const uint8_t *bytes, size_t size_bytes);
void filemap_free(struct filemap *map); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Filemap, filemap_free)

const char *filemap_kind_name(enum filemap_kind kind);
/* The first file of that path, or NULL. */
const struct filemap_file *filemap_find(const struct filemap *map, const char *path);
/* A file's content, holes filled with zeros, out of the bytes of the image that was mapped. NULL if
 * it has more than `size_max` bytes, or no extents though it is not empty. */
GBytes *filemap_read(const struct filemap *map, const struct filemap_file *file,
		     const uint8_t *image, size_t size_max);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Contents: an image as a delta's maker sees it. Its objects are the files, and the bytes that
 * belong to no file. Each has extents in the image; and once it is opened, a raw content, in which
 * compressed streams are expanded. */

#include "deltaframe.h"
#include "deltascan.h"
#include "filemap.h"
#include "recode.h"

struct deltacontent_extent {
	uint64_t at; /* in the object */
	uint64_t image_offset;
	uint64_t size_bytes;
};

/* A stretch of an object that is as it is, or one compressed stream in it. */
struct deltacontent_part {
	enum recode_kind kind;
	uint64_t at; /* in the object */
	uint64_t size_bytes;
	uint64_t raw_at; /* in the raw content */
	uint64_t raw_size;
	GByteArray *corrections; /* of a new image's stream; owned */
	unsigned frame;          /* which frame makes this stream, plus one (deltaform.h) */
};

struct deltacontent_object {
	const char *path; /* of a file; "" */
	uint64_t size_bytes;
	GArray *extents; /* struct deltacontent_extent, by rising place in the object */
	GArray *parts;   /* struct deltacontent_part; NULL until it is opened */
	GByteArray *raw; /* likewise */
};

/* Bytes of an image, and whose they are. */
struct deltacontent_segment {
	uint64_t image_offset;
	uint64_t size_bytes;
	uint32_t object;
	uint64_t at; /* in the object */
};

struct deltacontent {
	GMappedFile *file;
	struct filemap *map;
	struct deltascan_image image;
	GPtrArray *objects; /* struct deltacontent_object */
	GArray *segments;   /* struct deltacontent_segment: rising, apart, covering the image */
	GHashTable *names;  /* a spelling of a path to a GArray of the numbers of its objects */
	/* Of a base, what stands behind it (deltacompanion.h), or NULL. */
	struct deltacontent *companion;
	guint companion_first; /* which object is its first */
};
typedef struct deltacontent Deltacontent; /* for g_autoptr() only */

struct deltacontent *deltacontent_open(const char *path, GError **error);
void deltacontent_free(struct deltacontent *content);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Deltacontent, deltacontent_free)

/* Where a companion stands behind a base: the next block. */
static inline uint64_t deltacontent_companion_at(const struct deltacontent *base)
{
	return deltascan_blocks(&base->image) * DELTAINDEX_BLOCK_SIZE;
}

/* The bytes at an offset of the image, or of its companion behind it; not across the border. */
static inline const uint8_t *deltacontent_bytes(const struct deltacontent *content,
						uint64_t image_offset)
{
	const uint64_t border = deltacontent_companion_at(content);

	return content->companion != NULL && image_offset >= border
		       ? content->companion->image.bytes + (image_offset - border)
		       : content->image.bytes + image_offset;
}

/* Finds the objects. Bytes of no file become objects of at most 16 MiB; where `runs` is given,
 * only those in MADE blocks. */
void deltacontent_split(struct deltacontent *content, const GArray *runs);

struct deltacontent_object *deltacontent_object(const struct deltacontent *content,
						uint32_t object);

/* A new object without extents; `path` is borrowed. */
struct deltacontent_object *deltacontent_object_add(struct deltacontent *content, const char *path);

/* Makes the raw content. With `for_new`, only streams that can be made again are expanded. Several
 * threads may open different objects. */
void deltacontent_object_open(struct deltacontent *content, uint32_t object, gboolean for_new);

/* The object's bytes as they stand in the image; holes are zeros. */
GByteArray *deltacontent_object_read(const struct deltacontent *content, uint32_t object);

/* The object of the base that is most likely an older self: of the same path, of the same path but
 * for digits, or of the same name; of several, the one whose size is nearest. */
gboolean deltacontent_find(const struct deltacontent *base,
			   const struct deltacontent_object *object, uint32_t *ret_object);

/* The part that holds the byte at `at` of an object that is open. */
struct deltacontent_part *deltacontent_part_find(const struct deltacontent_object *object,
						 uint64_t at);

/* Leaves of an extent what lies in a part; FALSE: nothing does. */
gboolean deltacontent_extent_clip(struct deltacontent_extent *extent,
				  const struct deltacontent_part *part);
/* Leaves of a segment what lies between two offsets of the image; FALSE: nothing does. */
gboolean deltacontent_segment_clip(struct deltacontent_segment *segment, uint64_t offset,
				   uint64_t end);

/* The segment that holds the byte at `image_offset`. */
guint deltacontent_segment_find(const struct deltacontent *content, uint64_t image_offset);

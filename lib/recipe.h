/* SPDX-License-Identifier: MIT */
#pragma once
/* Recipes: which bytes of a bundle are which bytes of which file objects of an ostree
 * repository, so that a machine can read the bundle from there, and fetches only the objects
 * that it needs.
 *
 * A recipe is not trusted: what it leads to is a bundle, whose manifest is signed. */

#include <glib.h>
#include <stdint.h>

enum {
	RECIPE_SIZE_MAX = 64 * 1024 * 1024, /* bytes of a recipe */
	RECIPE_OBJECTS_MAX = 1 << 21,
	RECIPE_SEGMENTS_MAX = 1 << 23,
	RECIPE_CONTENT_MAX = 32 * 1024 * 1024, /* of an object that a recipe names: fetched whole */
	RECIPE_HASH_SIZE = 32,
	RECIPE_ZEROS = UINT32_MAX,
};

static const uint64_t RECIPE_BUNDLE_MAX = (uint64_t)1 << 37; /* bytes of the bundle */

/* Files of the release's commit: of the whole bundle, and of its head, which is all in front of its
 * full payloads: what a check reads, and an install that a delta does for. */
static const char RECIPE_NAME[] = "recipe";
static const char RECIPE_HEAD_NAME[] = "recipe-head";

/* A run of the bundle's bytes. The next one starts where it ends. */
struct recipe_segment {
	uint64_t start;  /* in the bundle */
	uint64_t offset; /* in the object's content */
	uint32_t object; /* its number, or RECIPE_ZEROS */
};

struct recipe {
	uint8_t commit[RECIPE_HASH_SIZE]; /* of the system: the release was made of it */
	uint64_t total_bytes;             /* of the bundle */
	GByteArray *objects;              /* their checksums, RECIPE_HASH_SIZE each */
	GArray *segments;                 /* struct recipe_segment, from byte 0 to total_bytes */
};
typedef struct recipe Recipe; /* for g_autoptr() only */

/* An empty one, to be filled by recipe_add(). */
struct recipe *recipe_new(void);
void recipe_free(struct recipe *recipe); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recipe, recipe_free)

unsigned recipe_object_count(const struct recipe *recipe);
const uint8_t *recipe_object(const struct recipe *recipe, uint32_t object);
/* Appends `size_bytes` of an object, or zeros; joined with the last segment where that is possible.
 * total_bytes grows. */
void recipe_add(struct recipe *recipe, uint32_t object, uint64_t offset, uint64_t size_bytes);

/* The recipe of the first `end` bytes, with the objects of those alone. `end` is not above
 * total_bytes. */
struct recipe *recipe_prefix(const struct recipe *recipe, uint64_t end);

/* Where the segment ends. */
uint64_t recipe_end(const struct recipe *recipe, guint segment);
/* The segment that has this byte, which is below total_bytes. */
guint recipe_find(const struct recipe *recipe, uint64_t position);

/* The same recipe gives the same bytes. */
GBytes *recipe_encode(const struct recipe *recipe);
/* NULL with FAULT_RECIPE_FORMAT. */
struct recipe *recipe_decode(const uint8_t *bytes, size_t size_bytes, GError **error);

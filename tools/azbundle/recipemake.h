/* SPDX-License-Identifier: MIT */
#pragma once
/* Writes the recipe of a bundle whose root image was made of a commit: blocks of files become
 * ranges of their objects; all the rest is cut into chunks, which become objects of their own. */

#include <glib.h>

#include "bundle.h"
#include "recipe.h"

enum { RECIPEMAKE_CHUNK_SIZE = 256 * 1024 };

/* Where in the root image the content of a file object stands. */
struct recipemake_content {
	uint64_t image_offset;
	uint64_t size_bytes;
	uint8_t object[RECIPE_HASH_SIZE];
};

/* Stores a chunk; `number` counts from 0. */
typedef gboolean (*recipemake_chunk)(gpointer user_data, unsigned number, GBytes *chunk,
				     uint8_t ret_object[static RECIPE_HASH_SIZE], GError **error);

struct recipemake {
	const struct bundle *bundle; /* root's frames are of one block each, and stored as it is */
	GBytes *bytes;               /* of all of it */
	const GArray *contents;      /* struct recipemake_content, by rising offset */
	recipemake_chunk chunk;
	gpointer user_data;
};

/* Without the commit, which the caller fills in. What stands in objects that are larger than
 * RECIPE_CONTENT_MAX goes into chunks. */
struct recipe *recipemake(const struct recipemake *make, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Walk of /etc: reads a folder into an etctree, with owners, modes, times and extended attributes.
 * Follows no link and stays on one file system. What vanishes meanwhile is not in it. */

#include <glib.h>
#include <stdint.h>

#include "etctree.h"

struct etcwalk {
	/* The folder is the upper one of an overlay: character devices 0/0 are what is gone, and an
	 * opaque folder hides all of the lower one. Metacopies and redirects are refused. */
	gboolean is_upper;
	/* Given the content of each file; may be NULL. Fails as the walk then does. */
	gboolean (*keep)(gpointer data, const uint8_t *bytes, size_t size_bytes,
			 uint8_t ret_object[static ETCTREE_HASH_SIZE], GError **error);
	gpointer data;
};

/* Adds what is in `path` to `tree`, sorted. FAULT_ETC_READ, FAULT_ETC_LIMIT, those of keep(); the
 * tree is then of no use. */
gboolean etcwalk_read(const char *path, const struct etcwalk *walk, struct etctree *tree,
		      GError **error);

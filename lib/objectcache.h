/* SPDX-License-Identifier: MIT */
#pragma once
/* The content of objects that were read a moment ago: neighbours in an image share objects. The one
 * that was used longest ago goes first; the last two stay, however large they are, for where one
 * ends and the next begins an image is read to and fro. */

#include <glib.h>
#include <stdint.h>

#include "objectfile.h"

enum { OBJECTCACHE_KEPT = 2 };

/* All zeros but the limit: an empty one. */
struct objectcache {
	GQueue entries; /* the last used one first */
	size_t size_bytes;
	size_t size_max;
};

void objectcache_clear(struct objectcache *cache);
/* NULL: it is not there. The caller unrefs. */
GBytes *objectcache_find(struct objectcache *cache,
			 const uint8_t object[static OBJECTFILE_HASH_SIZE]);
void objectcache_add(struct objectcache *cache, const uint8_t object[static OBJECTFILE_HASH_SIZE],
		     GBytes *content);

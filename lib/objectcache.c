/* SPDX-License-Identifier: MIT */
#include "objectcache.h"

#include <string.h>

struct cached {
	uint8_t object[OBJECTFILE_HASH_SIZE];
	GBytes *content;
};

static void cached_free(struct cached *cached)
{
	g_bytes_unref(cached->content);
	g_free(cached);
}

void objectcache_clear(struct objectcache *cache)
{
	g_queue_clear_full(&cache->entries, (GDestroyNotify)cached_free);
	cache->size_bytes = 0;
}

void objectcache_add(struct objectcache *cache, const uint8_t object[static OBJECTFILE_HASH_SIZE],
		     GBytes *content)
{
	struct cached *cached = g_new(struct cached, 1);

	memcpy(cached->object, object, sizeof cached->object);
	cached->content = g_bytes_ref(content);
	g_queue_push_head(&cache->entries, cached);
	cache->size_bytes += g_bytes_get_size(content);
	while (cache->size_bytes > cache->size_max && cache->entries.length > OBJECTCACHE_KEPT) {
		struct cached *oldest = g_queue_pop_tail(&cache->entries);

		cache->size_bytes -= g_bytes_get_size(oldest->content);
		cached_free(oldest);
	}
}

GBytes *objectcache_find(struct objectcache *cache,
			 const uint8_t object[static OBJECTFILE_HASH_SIZE])
{
	for (GList *at = cache->entries.head; at != NULL; at = at->next) {
		struct cached *cached = at->data;

		if (!objectfile_equal(cached->object, object))
			continue;
		g_queue_unlink(&cache->entries, at);
		g_queue_push_head_link(&cache->entries, at);
		return g_bytes_ref(cached->content);
	}
	return NULL;
}

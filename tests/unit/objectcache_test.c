/* SPDX-License-Identifier: MIT */
#include "objectcache.h"

#include <string.h>

#include "tap.h"

enum { SIZE_MAX_BYTES = 100 };

/* Content of that size is added for object number `number`. */
static void add(struct objectcache *cache, uint8_t number, size_t size_bytes)
{
	uint8_t object[OBJECTFILE_HASH_SIZE];
	g_autofree char *bytes = g_malloc(size_bytes);
	g_autoptr(GBytes) content = NULL;

	memset(object, number, sizeof object);
	memset(bytes, number, size_bytes);
	content = g_bytes_new(bytes, size_bytes);
	objectcache_add(cache, object, content);
}

/* Whether it is there; it is used thereby. */
static bool has(struct objectcache *cache, uint8_t number)
{
	uint8_t object[OBJECTFILE_HASH_SIZE];
	g_autoptr(GBytes) content = NULL;

	memset(object, number, sizeof object);
	content = objectcache_find(cache, object);
	expect(content == NULL || *(const char *)g_bytes_get_data(content, NULL) == number);
	return content != NULL;
}

static void the_oldest_goes_first(void)
{
	struct objectcache cache = { .size_max = SIZE_MAX_BYTES };

	expect(!has(&cache, 1));
	for (uint8_t i = 1; i <= 4; i++)
		add(&cache, i, 25);
	expect(cache.size_bytes == 100);
	expect(has(&cache, 1)); /* 2 is the oldest now */
	add(&cache, 5, 25);
	expect(!has(&cache, 2) && has(&cache, 3) && has(&cache, 4) && has(&cache, 1));
	expect(has(&cache, 5) && cache.size_bytes == 100);
	add(&cache, 6, 60);
	expect(has(&cache, 6) && has(&cache, 5) && !has(&cache, 3) && cache.size_bytes == 85);
	objectcache_clear(&cache);
	expect(cache.size_bytes == 0 && !has(&cache, 6));
}

static void the_last_two_stay(void)
{
	struct objectcache cache = { .size_max = SIZE_MAX_BYTES };

	add(&cache, 1, 1000);
	expect(has(&cache, 1));
	add(&cache, 2, 2000);
	expect(has(&cache, 2) && has(&cache, 1)); /* to and fro */
	add(&cache, 3, 1);
	expect(!has(&cache, 2) && has(&cache, 1) && has(&cache, 3));
	add(&cache, 4, 1);
	add(&cache, 5, 1);
	expect(!has(&cache, 1) && has(&cache, 3) && has(&cache, 4) && has(&cache, 5));
	objectcache_clear(&cache);
}

int main(void)
{
	static const struct tap_case CASES[] = {
		{ "the oldest goes first", the_oldest_goes_first },
		{ "the last two stay, whatever their size", the_last_two_stay },
	};

	return tap_run(CASES, G_N_ELEMENTS(CASES));
}

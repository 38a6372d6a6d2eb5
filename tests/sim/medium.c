/* SPDX-License-Identifier: MIT */
#include "medium.h"

#include <glib.h>
#include <string.h>

_Static_assert(MEDIUM_BLOCK / MEDIUM_GRAIN == 64, "one bit of a mask for each grain");

enum { CHUNK = 256, CHUNKS_MAX = 4096, TABLE_SIZE = 1 << 21 };

/* Contents never move, since callers hold pointers to them. */
static uint8_t *chunks[CHUNKS_MAX];
static uint32_t count;
static uint32_t table[TABLE_SIZE]; /* open addressing; a number + 1, 0 is free */
static GHashTable *mixes;          /* struct mix_key to number */

struct medium_span medium_span(enum part part)
{
	static const struct medium_span SPANS[PART_COUNT] = {
		[PART_STATE] = { 0, MEDIUM_STATE_BLOCKS },
		[PART_BOOT_A] = { MEDIUM_STATE_BLOCKS, MEDIUM_BOOT_BLOCKS },
		[PART_BOOT_B] = { MEDIUM_STATE_BLOCKS + MEDIUM_BOOT_BLOCKS, MEDIUM_BOOT_BLOCKS },
		[PART_ROOT_A] = { MEDIUM_STATE_BLOCKS + 2 * MEDIUM_BOOT_BLOCKS,
				  MEDIUM_ROOT_BLOCKS },
		[PART_ROOT_B] = { MEDIUM_STATE_BLOCKS + 2 * MEDIUM_BOOT_BLOCKS + MEDIUM_ROOT_BLOCKS,
				  MEDIUM_ROOT_BLOCKS },
	};

	return SPANS[part];
}

const uint8_t *medium_bytes(uint32_t id)
{
	return chunks[id / CHUNK] + (size_t)(id % CHUNK) * MEDIUM_BLOCK;
}

static uint64_t content_hash(const uint8_t *bytes)
{
	uint64_t hash = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < MEDIUM_BLOCK; i += 8) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof word);
		hash = (hash ^ word) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	return hash;
}

static uint32_t content_add(const uint8_t *bytes)
{
	const uint32_t id = count++;

	g_assert(id < CHUNKS_MAX * CHUNK && count < TABLE_SIZE / 2);
	if (chunks[id / CHUNK] == NULL)
		chunks[id / CHUNK] = g_aligned_alloc(CHUNK, MEDIUM_BLOCK, MEDIUM_BLOCK);
	memcpy(chunks[id / CHUNK] + (size_t)(id % CHUNK) * MEDIUM_BLOCK, bytes, MEDIUM_BLOCK);
	return id;
}

static uint32_t content_find(const uint8_t *bytes)
{
	for (uint64_t at = content_hash(bytes) % TABLE_SIZE;; at = (at + 1) % TABLE_SIZE) {
		if (table[at] == 0) {
			table[at] = content_add(bytes) + 1;
			return table[at] - 1;
		}
		if (memcmp(medium_bytes(table[at] - 1), bytes, MEDIUM_BLOCK) == 0)
			return table[at] - 1;
	}
}

uint32_t medium_intern(const uint8_t bytes[static MEDIUM_BLOCK])
{
	static const uint8_t ZEROS[MEDIUM_BLOCK];

	if (count == 0)
		(void)content_find(ZEROS); /* so that it is number 0 */
	return content_find(bytes);
}

uint32_t medium_count(void)
{
	return count;
}

struct mix_key {
	uint32_t below;
	uint32_t above;
	uint64_t mask;
};

static guint mix_hash(gconstpointer data)
{
	const struct mix_key *key = data;
	const uint64_t hash = (key->below * 0x9e3779b97f4a7c15u) ^
			      (key->above * 0xc2b2ae3d27d4eb4fu) ^
			      (key->mask * 0xff51afd7ed558ccdu);

	return (guint)(hash >> 32);
}

static gboolean mix_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct mix_key)) == 0;
}

static uint32_t mix_make(const struct mix_key *key)
{
	uint8_t bytes[MEDIUM_BLOCK];

	memcpy(bytes, medium_bytes(key->below), MEDIUM_BLOCK);
	for (unsigned i = 0; i < 64; i++)
		if ((key->mask >> i & 1) != 0)
			memcpy(bytes + (size_t)i * MEDIUM_GRAIN,
			       medium_bytes(key->above) + (size_t)i * MEDIUM_GRAIN, MEDIUM_GRAIN);
	return medium_intern(bytes);
}

uint32_t medium_mix(uint32_t below, uint32_t above, uint64_t mask)
{
	const struct mix_key key = { below, above, mask };
	gpointer found;

	if (mask == UINT64_MAX || below == above)
		return above;
	if (mask == 0)
		return below;
	if (mixes == NULL)
		mixes = g_hash_table_new_full(mix_hash, mix_equal, g_free, NULL);
	if (!g_hash_table_lookup_extended(mixes, &key, NULL, &found)) {
		found = GUINT_TO_POINTER(mix_make(&key));
		g_hash_table_insert(mixes, g_memdup2(&key, sizeof key), found);
	}
	return GPOINTER_TO_UINT(found);
}

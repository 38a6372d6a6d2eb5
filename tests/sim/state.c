/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <string.h>

static guint key_hash(gconstpointer data)
{
	return (guint)((const struct state_key *)data)->words[0];
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct state_key)) == 0;
}

static void key_feed(struct state_key *key, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		key->words[0] = (key->words[0] ^ words[i]) * 0xff51afd7ed558ccd;
		key->words[0] ^= key->words[0] >> 29;
		key->words[1] = (key->words[1] + words[i]) * 0xc4ceb9fe1a85ec53;
		key->words[1] ^= key->words[1] >> 31;
	}
}

struct state_key state_key(const struct medium *medium, size_t blocks, const struct belief *belief)
{
	struct state_key key = { { 1, 2 } };
	uint32_t words[sizeof(struct belief) / sizeof(uint32_t)];

	_Static_assert(sizeof words == sizeof *belief, "a belief is whole words");
	memcpy(words, belief, sizeof words);
	key_feed(&key, medium->ids, blocks);
	key_feed(&key, words, G_N_ELEMENTS(words));
	return key;
}

GHashTable *state_table_new(void)
{
	return g_hash_table_new_full(key_hash, key_equal, g_free, NULL);
}

bool state_table_add(GHashTable *table, const struct state_key *key, gpointer value)
{
	if (g_hash_table_contains(table, key))
		return false;
	return g_hash_table_insert(table, g_memdup2(key, sizeof *key), value);
}

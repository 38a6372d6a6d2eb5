/* SPDX-License-Identifier: MIT */
#include "blockhash.h"

#include <string.h>

#include "blockhash_engine.h"

enum {
	RACE_BLOCKS = 32, /* a multiple of every engine's lanes */
	RACE_ROUNDS = 3,
};

struct blockhash {
	const struct blockhash_engine *engine;
	void *state;
	void *single; /* of BLOCKHASH_OPENSSL, for what is too few for the engine; may be NULL */
	size_t few;   /* a last group of fewer blocks than this goes to `single` */
};

/* What the race found, kept for the life of the process. */
struct choice {
	const struct blockhash_engine *engine;
	size_t few;
};

static size_t engine_count(void)
{
	return 1 + BLOCKHASH_MORE_COUNT;
}

static const struct blockhash_engine *engine_at(size_t index)
{
	return index == 0 ? &BLOCKHASH_OPENSSL : &BLOCKHASH_MORE[index - 1];
}

/* Nanoseconds a block takes, at best: what other programs do meanwhile only makes it longer. */
static gint64 engine_time(const struct blockhash_engine *engine, void *state, const uint8_t *blocks,
			  uint8_t *ret_hashes)
{
	gint64 best_us = G_MAXINT64;

	for (unsigned round = 0; round < RACE_ROUNDS; round++) {
		const gint64 start_us = g_get_monotonic_time();

		engine->hash(state, blocks, RACE_BLOCKS, ret_hashes);
		best_us = MIN(best_us, g_get_monotonic_time() - start_us);
	}
	return MAX(1, best_us * 1000 / RACE_BLOCKS);
}

/* Blocks of one group at which the engine begins to be faster than OpenSSL is one by one. */
static size_t few_of(const struct blockhash_engine *engine, gint64 block_ns, gint64 openssl_ns)
{
	const gint64 group_ns = block_ns * (gint64)engine->lanes;

	return (size_t)MIN(group_ns / openssl_ns + 1, (gint64)engine->lanes);
}

static struct choice race(void)
{
	struct choice choice = { .engine = &BLOCKHASH_OPENSSL };
	g_autofree uint8_t *blocks = g_malloc(RACE_BLOCKS * BLOCKHASH_BLOCK_SIZE);
	uint8_t right[RACE_BLOCKS * BLOCKHASH_SIZE];
	uint8_t hashes[RACE_BLOCKS * BLOCKHASH_SIZE];
	gint64 best_ns = G_MAXINT64;
	gint64 openssl_ns = 0;

	for (size_t i = 0; i < RACE_BLOCKS * BLOCKHASH_BLOCK_SIZE; i++)
		blocks[i] = (uint8_t)(i * 2654435761U >> 13);
	for (size_t i = 0; i < engine_count(); i++) {
		const struct blockhash_engine *engine = engine_at(i);
		void *state = engine->open(engine, blocks, BLOCKHASH_SIZE);
		gint64 block_ns;

		if (state == NULL)
			continue;
		block_ns = engine_time(engine, state, blocks, i == 0 ? right : hashes);
		engine->close(state);
		if (i == 0)
			openssl_ns = block_ns;
		if (block_ns >= best_ns || (i > 0 && memcmp(hashes, right, sizeof right) != 0))
			continue;
		best_ns = block_ns;
		choice = (struct choice){ engine, few_of(engine, block_ns, openssl_ns) };
	}
	return choice;
}

static const struct choice *choice_get(void)
{
	static struct choice choice;
	static gsize is_made;

	if (g_once_init_enter(&is_made)) {
		choice = race();
		g_once_init_leave(&is_made, 1);
	}
	return &choice;
}

static struct blockhash *engine_open(const struct blockhash_engine *engine, const uint8_t *salt,
				     size_t salt_size)
{
	struct blockhash *hash;
	void *state;

	g_assert(salt_size <= BLOCKHASH_SALT_SIZE_MAX);
	state = engine->open(engine, salt, salt_size);
	if (state == NULL)
		return NULL;
	hash = g_new0(struct blockhash, 1);
	hash->engine = engine;
	hash->state = state;
	return hash;
}

struct blockhash *blockhash_new(const uint8_t *salt, size_t salt_size)
{
	const struct choice *choice = choice_get();
	struct blockhash *hash = engine_open(choice->engine, salt, salt_size);

	/* Won the race, and cannot be had now: memory is short. */
	if (hash == NULL)
		return engine_open(&BLOCKHASH_OPENSSL, salt, salt_size);
	if (choice->few > 1) {
		hash->few = choice->few;
		hash->single = BLOCKHASH_OPENSSL.open(&BLOCKHASH_OPENSSL, salt, salt_size);
	}
	return hash;
}

struct blockhash *blockhash_new_engine(const char *name, const uint8_t *salt, size_t salt_size)
{
	for (size_t i = 0; i < engine_count(); i++)
		if (strcmp(engine_at(i)->name, name) == 0)
			return engine_open(engine_at(i), salt, salt_size);
	return NULL;
}

void blockhash_free(struct blockhash *hash)
{
	if (hash == NULL)
		return;
	if (hash->single != NULL)
		BLOCKHASH_OPENSSL.close(hash->single);
	hash->engine->close(hash->state);
	g_free(hash);
}

void blockhash_many(struct blockhash *hash, const uint8_t *blocks, size_t count,
		    uint8_t *ret_hashes)
{
	const size_t rest = count % hash->engine->lanes;
	const size_t single = hash->single != NULL && rest < hash->few ? rest : 0;
	const size_t many = count - single;

	hash->engine->hash(hash->state, blocks, many, ret_hashes);
	if (single > 0)
		BLOCKHASH_OPENSSL.hash(hash->single, blocks + many * BLOCKHASH_BLOCK_SIZE, single,
				       ret_hashes + many * BLOCKHASH_SIZE);
}

const char *blockhash_engine(const struct blockhash *hash)
{
	return hash->engine->name;
}

size_t blockhash_engines(const char *ret_names[static BLOCKHASH_ENGINES_MAX])
{
	const size_t count = MIN(engine_count(), BLOCKHASH_ENGINES_MAX);

	for (size_t i = 0; i < count; i++)
		ret_names[i] = engine_at(i)->name;
	return count;
}

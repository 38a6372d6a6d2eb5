/* SPDX-License-Identifier: MIT */
/* Oracle: one SHA-256 of GLib's, which is neither OpenSSL nor the other library. */
#include "blockhash.h"

#include <string.h>

#include "tap.h"

enum {
	BLOCKS = 300,
	SLACK = 64,
	BLOCK = BLOCKHASH_BLOCK_SIZE,
};

static uint8_t content[BLOCKS * BLOCK + SLACK];
static uint8_t salts[BLOCKHASH_SALT_SIZE_MAX];
static uint8_t right[BLOCKS][BLOCKHASH_SIZE];
static uint8_t got[BLOCKS + 1][BLOCKHASH_SIZE];

static void bytes_make(uint8_t *bytes, size_t size_bytes, uint32_t state)
{
	for (size_t i = 0; i < size_bytes; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(state >> 24);
	}
}

static void right_make(const uint8_t *blocks, size_t count, size_t salt_size)
{
	for (size_t i = 0; i < count; i++) {
		GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
		gsize size = BLOCKHASH_SIZE;

		g_checksum_update(sum, salts, (gssize)salt_size);
		g_checksum_update(sum, blocks + i * BLOCK, BLOCK);
		g_checksum_get_digest(sum, right[i], &size);
		g_checksum_free(sum);
	}
}

/* The first `count` hashes are right, and nothing is written behind them. */
static bool hashes_rightly(struct blockhash *hash, const uint8_t *blocks, size_t count)
{
	memset(got, 0xaa, sizeof got);
	blockhash_many(hash, blocks, count, got[0]);
	for (size_t i = 0; i < sizeof got[0]; i++)
		if (got[count][i] != 0xaa)
			return false;
	return memcmp(got, right, count * BLOCKHASH_SIZE) == 0;
}

/* One of each engine that this machine has, and the one that it would take. */
static size_t hashes_open(size_t salt_size, struct blockhash **ret_hashes)
{
	const char *names[BLOCKHASH_ENGINES_MAX];
	const size_t named = blockhash_engines(names);
	const uint8_t *salt = salt_size > 0 ? salts : NULL;
	size_t count = 0;

	ret_hashes[count++] = blockhash_new(salt, salt_size);
	for (size_t i = 0; i < named; i++) {
		ret_hashes[count] = blockhash_new_engine(names[i], salt, salt_size);
		if (ret_hashes[count] == NULL)
			continue;
		expect(strcmp(blockhash_engine(ret_hashes[count]), names[i]) == 0);
		count++;
	}
	return count;
}

static void salt_try(size_t salt_size, const size_t *counts, size_t counts_count)
{
	struct blockhash *hashes[BLOCKHASH_ENGINES_MAX + 1];
	const size_t hashes_count = hashes_open(salt_size, hashes);
	size_t most = 0;

	for (size_t i = 0; i < counts_count; i++)
		most = MAX(most, counts[i]);
	right_make(content, most, salt_size);
	for (size_t i = 0; i < hashes_count; i++) {
		for (size_t k = 0; k < counts_count; k++)
			expect(hashes_rightly(hashes[i], content, counts[k]));
		blockhash_free(hashes[i]);
	}
}

static void test_salts(void)
{
	static const size_t COUNTS[] = { 1, 19 };

	for (size_t salt_size = 0; salt_size <= BLOCKHASH_SALT_SIZE_MAX; salt_size++)
		salt_try(salt_size, COUNTS, G_N_ELEMENTS(COUNTS));
}

static void test_counts(void)
{
	static const size_t SALTS[] = { 0, 32 };
	size_t counts[70 + 2];

	for (size_t i = 0; i < 70; i++)
		counts[i] = i;
	counts[70] = BLOCKS - 1;
	counts[71] = BLOCKS;
	for (size_t i = 0; i < G_N_ELEMENTS(SALTS); i++)
		salt_try(SALTS[i], counts, G_N_ELEMENTS(counts));
}

static void test_alignment(void)
{
	for (size_t salt_size = 0; salt_size <= 32; salt_size += 32) {
		struct blockhash *hashes[BLOCKHASH_ENGINES_MAX + 1];
		const size_t count = hashes_open(salt_size, hashes);

		for (size_t from = 0; from < SLACK; from += 7) {
			right_make(content + from, 17, salt_size);
			for (size_t i = 0; i < count; i++)
				expect(hashes_rightly(hashes[i], content + from, 17));
		}
		for (size_t i = 0; i < count; i++)
			blockhash_free(hashes[i]);
	}
}

static gpointer thread_run(gpointer data)
{
	g_autoptr(BlockHash) hash = blockhash_new(salts, 32);
	uint8_t(*hashes)[BLOCKHASH_SIZE] = data;

	for (unsigned round = 0; round < 20; round++)
		blockhash_many(hash, content, BLOCKS, hashes[0]);
	return NULL;
}

/* One context per thread, the first ones made at the same time. */
static void test_threads(void)
{
	static uint8_t hashes[4][BLOCKS][BLOCKHASH_SIZE];
	GThread *threads[4];

	right_make(content, BLOCKS, 32);
	for (unsigned i = 0; i < 4; i++)
		threads[i] = g_thread_new("hash", thread_run, hashes[i]);
	for (unsigned i = 0; i < 4; i++) {
		g_thread_join(threads[i]);
		expect(memcmp(hashes[i], right, sizeof right) == 0);
	}
}

static void test_names(void)
{
	const char *names[BLOCKHASH_ENGINES_MAX];
	g_autoptr(BlockHash) openssl = blockhash_new_engine("openssl", NULL, 0);

	expect(openssl != NULL);
	expect(blockhash_engines(names) >= 1 && strcmp(names[0], "openssl") == 0);
	expect(blockhash_new_engine("abacus", salts, 0) == NULL);
	blockhash_free(NULL);
}

static const struct tap_case CASES[] = {
	{ "threads race for the engine", test_threads },
	{ "salts of 0 to 256 bytes", test_salts },
	{ "counts, whole groups and rests", test_counts },
	{ "blocks at any alignment", test_alignment },
	{ "engines by name", test_names },
};

int main(void)
{
	bytes_make(content, sizeof content, 1);
	bytes_make(salts, sizeof salts, 2);
	return tap_run(CASES, G_N_ELEMENTS(CASES));
}

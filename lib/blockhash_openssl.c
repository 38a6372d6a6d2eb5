/* SPDX-License-Identifier: MIT */
#include "blockhash.h"
#include "blockhash_engine.h"
#include "crypto.h"

static void *openssl_open(const struct blockhash_engine *engine, const uint8_t *salt,
			  size_t salt_size)
{
	return crypto_hasher_new(salt, salt_size);
}

static void openssl_close(void *state)
{
	crypto_hasher_free(state);
}

static void openssl_hash(void *state, const uint8_t *blocks, size_t count, uint8_t *ret_hashes)
{
	for (size_t i = 0; i < count; i++)
		crypto_hash(state, blocks + i * BLOCKHASH_BLOCK_SIZE, BLOCKHASH_BLOCK_SIZE,
			    ret_hashes + i * BLOCKHASH_SIZE);
}

const struct blockhash_engine BLOCKHASH_OPENSSL = {
	.name = "openssl",
	.lanes = 1,
	.open = openssl_open,
	.close = openssl_close,
	.hash = openssl_hash,
};

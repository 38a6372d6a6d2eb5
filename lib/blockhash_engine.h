/* SPDX-License-Identifier: MIT */
#pragma once
/* What an engine of lib/blockhash.h is: a way of hashing blocks. The first one of all is
 * OpenSSL's, which every machine has. */

#include <stddef.h>
#include <stdint.h>

struct blockhash_engine {
	const char *name;
	/* Blocks that it hashes in the time of one: fewer waste the rest of that time. */
	size_t lanes;
	/* NULL if this machine does not have what it takes. */
	void *(*open)(const struct blockhash_engine *engine, const uint8_t *salt, size_t salt_size);
	void (*close)(void *state);
	void (*hash)(void *state, const uint8_t *blocks, size_t count, uint8_t *ret_hashes);
	const void *detail; /* the engine's own */
};

extern const struct blockhash_engine BLOCKHASH_OPENSSL;

/* Engines of another library, if the program was built with it. */
extern const struct blockhash_engine BLOCKHASH_MORE[];
extern const size_t BLOCKHASH_MORE_COUNT;

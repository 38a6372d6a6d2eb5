/* SPDX-License-Identifier: MIT */
#pragma once
/* Block hashes, many at once: SHA-256 over salt and block, as a verity tree of format 1 has them.
 *
 * Processors without SHA instructions hash several times faster when many blocks go through
 * their wide registers side by side, and some that have them do too. Which way is fastest here is
 * measured once in a process, in a few milliseconds, when the first blockhash_new() comes. An
 * engine whose hashes are not OpenSSL's is not used. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BLOCKHASH_BLOCK_SIZE = 4096,
	BLOCKHASH_SIZE = 32,
	BLOCKHASH_SALT_SIZE_MAX = 256,
	BLOCKHASH_ENGINES_MAX = 8,
};

/* Belongs to one thread at a time. */
struct blockhash;
typedef struct blockhash BlockHash; /* for g_autoptr() only */

/* Of the fastest engine. `salt` may be NULL if `salt_size` is 0; one of more than
 * BLOCKHASH_SALT_SIZE_MAX bytes is a bug. */
struct blockhash *blockhash_new(const uint8_t *salt, size_t salt_size);
/* Of the engine of that name and no other, for tests and benchmarks; NULL if this machine does
 * not have it. */
struct blockhash *blockhash_new_engine(const char *name, const uint8_t *salt, size_t salt_size);
void blockhash_free(struct blockhash *hash);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockHash, blockhash_free)

/* `count` blocks that stand one behind the other, at any alignment. More at once are faster, up
 * to about 32. */
void blockhash_many(struct blockhash *hash, const uint8_t *blocks, size_t count,
		    uint8_t *ret_hashes);

const char *blockhash_engine(const struct blockhash *hash);
/* Names of the engines that this program was built with. */
size_t blockhash_engines(const char *ret_names[static BLOCKHASH_ENGINES_MAX]);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Seeds: finds, in the tree of another slot, a block that has a wanted leaf hash. Only trees are
 * compared; the data is read when it is wanted, and checked by whoever copies it. */

#include <glib.h>

#include "disk.h"
#include "veritree.h"

struct seed;
typedef struct seed Seed; /* for g_autoptr() only */

/* Reads the leaf level of the tree that stands at `offset` of the disk: at most 24 MiB of memory,
 * and half of that for what is only asked for in place. */
struct seed *seed_new(struct disk *disk, uint64_t offset, const struct veritree *tree,
		      GError **error);
void seed_free(struct seed *seed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Seed, seed_free)

/* A block whose leaf hash has the same first 32 bits (so it must be checked), preferring
 * `likely`; FALSE if there is none. */
gboolean seed_find(const struct seed *seed, const uint8_t hash[static VERITREE_HASH_SIZE],
		   uint64_t likely, uint64_t *ret_block);

/* Only the first 32 bits of the leaf hashes, to ask what stood in a place: 8 MiB at most. */
struct seed *seed_new_in_place(struct disk *disk, uint64_t offset, const struct veritree *tree,
			       GError **error);
/* Whether block `block` had this hash, by its first 32 bits. */
gboolean seed_has(const struct seed *seed, const uint8_t hash[static VERITREE_HASH_SIZE],
		  uint64_t block);

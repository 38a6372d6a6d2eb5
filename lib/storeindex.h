/* SPDX-License-Identifier: MIT */
#pragma once
/* Store index: which objects of the store a release's images are made of. The bytes are described
 * in storeindex.c and docs/STORE.md. An index is not trusted: a wrong one gives blocks that do not
 * have their signed hash. */

#include <glib.h>
#include <stdint.h>

enum {
	STOREINDEX_OBJECT_SIZE = 32,
	STOREINDEX_PAYLOADS = 2, /* UKI, root image */
	STOREINDEX_NAME_SIZE = 16,
	STOREINDEX_SIZE_MAX = 64 * 1024 * 1024,
};

struct storeindex_piece {
	uint64_t first; /* block */
	uint32_t count; /* blocks */
	uint8_t object[STOREINDEX_OBJECT_SIZE];
};

struct storeindex_payload {
	char name[STOREINDEX_NAME_SIZE];
	uint64_t data_blocks;
	GArray *leaves; /* of struct storeindex_piece, without a gap: hashes of the blocks */
	GArray *data;   /* the same, rising: the blocks; what is in no piece is zeros */
};

struct storeindex {
	struct storeindex_payload payloads[STOREINDEX_PAYLOADS];
};
typedef struct storeindex Storeindex; /* for g_autoptr() only */

struct storeindex *storeindex_new(void); /* without pieces */
void storeindex_free(struct storeindex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Storeindex, storeindex_free)

GBytes *storeindex_encode(const struct storeindex *index);
/* NULL with FAULT_STORE_INDEX. Takes 48 bytes of memory per piece. */
struct storeindex *storeindex_decode(const uint8_t *bytes, size_t size_bytes, GError **error);

/* The last piece that starts at or before a block; NULL if there is none. */
const struct storeindex_piece *storeindex_find(const GArray *pieces, uint64_t block);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Bases of static deltas: what a machine must know beside a delta of libostree, which was made for
 * repositories: where in the older root image the objects stand that the delta refers to, and what
 * it would cost to fetch the new objects themselves. `azbundle ostree` writes it beside the recipe.
 *
 * Nothing of it is trusted: a wrong place gives bytes that no checksum takes, a wrong size a worse
 * choice. */

#include <glib.h>
#include <stdint.h>

enum {
	STATICBASE_SIZE_MAX = 32 * 1024 * 1024, /* bytes of it: a file of the repository */
	STATICBASE_SOURCES_MAX = 1 << 18,
	STATICBASE_OBJECTS_MAX = 1 << 18,
	STATICBASE_CONTENT_MAX = 16 * 1024 * 1024, /* of an object that a delta refers to */
	STATICBASE_HASH_SIZE = 32,
	STATICBASE_BLOCK = 4096, /* contents begin at multiples of it */
};

/* An object of the older commit. */
struct staticbase_source {
	uint8_t object[STATICBASE_HASH_SIZE];
	uint64_t offset; /* in the root image */
	uint64_t size_bytes;
};

struct staticbase {
	uint8_t commit[STATICBASE_HASH_SIZE]; /* of the older system */
	GArray *sources;                      /* struct staticbase_source, by rising checksum */
	GArray *stored; /* uint64_t of each object of the delta, in its order: bytes on the server;
			 * 0: the delta is not used for it */
};
typedef struct staticbase Staticbase; /* for g_autoptr() only */

struct staticbase *staticbase_new(void);
void staticbase_free(struct staticbase *base); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Staticbase, staticbase_free)

/* The name of its file in the release's commit: "base-" and the older commit. The caller frees. */
char *staticbase_name(const uint8_t commit[static STATICBASE_HASH_SIZE]);
/* Brings the sources into order, and drops what is there twice. */
void staticbase_sort(struct staticbase *base);
/* NULL: it has no such source. */
const struct staticbase_source *staticbase_find(const struct staticbase *base,
						const uint8_t object[static STATICBASE_HASH_SIZE]);

/* Of a sorted one. */
GBytes *staticbase_encode(const struct staticbase *base);
/* NULL with FAULT_STATICDELTA_FORMAT; _OTHER: it is of another commit. */
struct staticbase *
staticbase_decode(GBytes *bytes, const uint8_t commit[static STATICBASE_HASH_SIZE], GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Static deltas in a local ostree repository of mode archive: libostree makes one, in a folder of
 * its own; whoever has looked at it and signed it puts it into its place, where a web server hands
 * it out. */

#include <glib.h>
#include <stdint.h>

#include "staticdelta.h"

struct ostreestatic;
typedef struct ostreestatic Ostreestatic; /* for g_autoptr() only */

/* FAULT_OSTREE_REPOSITORY. */
struct ostreestatic *ostreestatic_open(const char *repo, GError **error);
/* Removes what was generated and not placed. NULL is fine. */
void ostreestatic_free(struct ostreestatic *deltas);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ostreestatic, ostreestatic_free)

/* The system's commit behind a revision, hex: that commit itself, or the one that azbundle made the
 * release of which it is. NULL with FAULT_OSTREE_REF. The caller frees. */
char *ostreestatic_system(struct ostreestatic *deltas, const char *revision, GError **error);

/* As large as machines take them. One at a time. FAULT_OSTREE_OBJECT: a commit is not there as a
 * whole. */
gboolean ostreestatic_generate(struct ostreestatic *deltas, const struct staticdelta_pair *pair,
			       GError **error);
/* A file of what was generated: "superblock", or the number of a part. FAULT_BUILD_OUTPUT. */
GBytes *ostreestatic_read(const struct ostreestatic *deltas, const char *file, GError **error);
/* Puts it into its place, instead of one that was there, with these bytes as its superblock.
 * FAULT_BUILD_OUTPUT. */
gboolean ostreestatic_place(struct ostreestatic *deltas, const struct staticdelta_pair *pair,
			    GBytes *superblock, GError **error);

/* Bytes of a file object as the server has it. FAULT_OSTREE_OBJECT. */
gboolean ostreestatic_stored_size(struct ostreestatic *deltas,
				  const uint8_t object[static STATICDELTA_HASH_SIZE],
				  uint64_t *ret_bytes, GError **error);

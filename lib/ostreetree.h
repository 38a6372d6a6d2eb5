/* SPDX-License-Identifier: MIT */
#pragma once
/* The tree of a commit in a local ostree repository, of any mode. Each object is hashed when it is
 * read: a damaged repository cannot give a wrong tree.
 *
 * Formats: libostree's (https://ostreedev.github.io/ostree/repo/); a commit is
 * (a{sv}aya(say)sstayay), a folder a(say)a(sayay) with its metadata (uuua(ayay)), big-endian. */

#include <glib.h>

#include "imagetree.h"

enum {
	OSTREETREE_CHECKSUM_SIZE = 64, /* hex digits */
	OSTREETREE_REF_MAX = 255,
	OSTREETREE_OBJECT_MAX = 128 * 1024 * 1024, /* bytes of a commit or a folder */
};

struct ostreetree {
	char *commit;  /* its checksum, hex */
	char *ref;     /* without a remote; NULL: the commit was named by its checksum */
	char *version; /* of the commit's metadata, or NULL */
	char *tree; /* checksums of the tree and of the root's metadata, hex, joined */
	struct imagetree_node *root;
	unsigned nodes;
	struct ostreetree_private *private;
};
typedef struct ostreetree Ostreetree; /* for g_autoptr() only */

/* Reads the tree of "REPO:REF"; REF may be "REMOTE:REF" or a commit's checksum. All of it but the
 * files' content is read. FAULT_ARGUMENT, FAULT_OSTREE_REPOSITORY, _REF; _OBJECT: one
 * is missing or damaged; _TREE, _WHITEOUT, _LIMIT: an image cannot have that. */
struct ostreetree *ostreetree_open(const char *name, GError **error);
void ostreetree_free(struct ostreetree *tree); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ostreetree, ostreetree_free)

/* Writes a file's content to `fd` from byte `offset` on. FAULT_OSTREE_OBJECT: the object is not
 * what its checksum says; then what was written is worth nothing. FAULT_BUILD_OUTPUT. */
gboolean ostreetree_copy(struct ostreetree *tree, const struct imagetree_node *file, int fd,
			 uint64_t offset, GError **error);

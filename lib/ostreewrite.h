/* SPDX-License-Identifier: MIT */
#pragma once
/* A commit of small files in the making, in a local ostree repository of mode archive: what a web
 * server hands out. The ref moves last, after the commit has been signed; a run that ends early
 * leaves objects that `ostree prune` removes. */

#include <glib.h>
#include <stdint.h>

enum { OSTREEWRITE_HASH_SIZE = 32 };

struct ostreewrite;
typedef struct ostreewrite Ostreewrite; /* for g_autoptr() only */

struct ostreewrite_commit {
	const char *ref;
	const char *subject;
	const char *version; /* metadata "version" */
	const char *origin;  /* metadata "azupdate.commit": the system's commit, hex */
	const char *key;     /* ed25519, what signkey.h loads; NULL: not signed */
};

/* FAULT_OSTREE_REPOSITORY: it cannot be written, or has another mode. */
struct ostreewrite *ostreewrite_open(const char *repo, GError **error);
void ostreewrite_free(struct ostreewrite *write); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ostreewrite, ostreewrite_free)

/* Adds a file of root's, mode 0644. `folder` is a name, or NULL: the commit's root. The object's
 * checksum comes back; equal bytes are one object. FAULT_BUILD_OUTPUT. */
gboolean ostreewrite_file(struct ostreewrite *write, const char *folder, const char *name,
			  GBytes *bytes, uint8_t ret_object[static OSTREEWRITE_HASH_SIZE],
			  GError **error);
/* Commits, signs, and moves the ref. The commit binds itself to the ref. *ret_commit: hex, the
 * caller frees. FAULT_BUILD_OUTPUT, FAULT_KEY_UNREADABLE, FAULT_KEY_KIND. */
gboolean ostreewrite_commit(struct ostreewrite *write, const struct ostreewrite_commit *commit,
			    char **ret_commit, GError **error);
/* An ed25519 signature of the bytes, as libostree has it. NULL with FAULT_KEY_UNREADABLE,
 * FAULT_KEY_KIND. */
GBytes *ostreewrite_sign(const char *key, GBytes *bytes, GError **error);

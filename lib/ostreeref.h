/* SPDX-License-Identifier: MIT */
#pragma once
/* Refs of ostree repositories that a machine follows, where [repository] url= names one instead of
 * a repository with metadata: the release that the last look at it found, kept in
 * STATE/ostree/followed.json, and what the configuration says of trust and network.
 *
 * Nothing signed says how long the word of a ref is good, for whom it is meant, or what is revoked:
 * docs/OSTREE.md. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "channel.h"
#include "config.h"
#include "manifest.h"
#include "source.h"

struct staticuse_base;

enum { OSTREEREF_HASH_SIZE = 32 };

struct ostreeref {
	char *commit; /* hex: of the ref */
	char *version;
	uint64_t security_version;
	int64_t time_s;                             /* when the commit was made, since 1970 */
	uint8_t manifest_hash[OSTREEREF_HASH_SIZE]; /* SHA-256 over the manifest's exact bytes */
};
typedef struct ostreeref Ostreeref; /* for g_auto() only */
void ostreeref_clear(struct ostreeref *ref);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ostreeref, ostreeref_clear)

/* Whether the configuration follows a ref at all; and whether it is this URL's, which may be NULL.
 */
gboolean ostreeref_is_configured(const struct config *config);
gboolean ostreeref_is_followed(const struct config *config, const char *url);

/* A release by its URL (source_ostree.h), with the keys, the memory of what was seen and the
 * network that the configuration has. As source_open_ostree(); base: its. */
struct source *ostreeref_open(const struct config *config, const char *url,
			      struct staticuse_base *base, GCancellable *cancellable,
			      GError **error);
/* FAULT_OSTREE_PINNED: the release is out of an ostree repository, which says that it is of another
 * commit than its signed manifest names. */
gboolean ostreeref_origin_check(const struct source *source, const struct manifest *manifest,
				GError **error);

/* Asks the server; one request, if the ref has not moved. What it leads to is checked up to the
 * manifest's signature, and kept. One try: FAULT_HTTP_, FAULT_OSTREE_, FAULT_RECIPE_, faults of
 * bundle_open(); FAULT_MANIFEST_PRODUCT, _ARCHITECTURE: it is for other machines;
 * FAULT_TUF_STORE. */
gboolean ostreeref_look(const struct config *config, GCancellable *cancellable,
			struct ostreeref *ret_ref, GError **error);
/* What the last look found. FAULT_OSTREE_UNSEEN. */
gboolean ostreeref_load(const struct config *config, struct ostreeref *ret_ref, GError **error);

/* A channel of this one release. */
struct channel *ostreeref_channel(const struct config *config, const struct ostreeref *ref);
/* Where that very release is, whatever the ref names by then. The caller frees. */
char *ostreeref_url(const struct config *config, const struct ostreeref *ref);

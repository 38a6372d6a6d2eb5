/* SPDX-License-Identifier: MIT */
#pragma once
/* Catalogue: what a repository has for this machine: its channel, and the bundles of a release. It
 * is one with signed metadata (repo.h), or a ref of an ostree repository (ostreeref.h), whose
 * channel is the one release that it leads to. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "advice.h"
#include "channel.h"
#include "config.h"
#include "offer.h"

struct catalogue;
typedef struct catalogue Catalogue; /* for g_autoptr() only */

/* Reads nothing but the trusted root, which a ref has not; `config` stays the caller's and must
 * live as long. It must have a repository: FAULT_REPOSITORY_NONE. Else as repo_open(). */
struct catalogue *catalogue_open(const struct config *config, GCancellable *cancellable,
				 GError **error);
void catalogue_close(struct catalogue *catalogue); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalogue, catalogue_close)

/* Asks the repository. As repo_refresh(), repo_read() and channel_decode(); ostreeref_look(). */
gboolean catalogue_refresh(struct catalogue *catalogue, gint64 now_s, GError **error);
/* What the last refresh has left in the state folder; nothing is fetched. As catalogue_refresh();
 * FAULT_TUF_MISSING, FAULT_OSTREE_UNSEEN: there was none yet. */
gboolean catalogue_load(struct catalogue *catalogue, gint64 now_s, GError **error);

/* NULL before one of those has succeeded. */
const struct channel *catalogue_channel(const struct catalogue *catalogue);
/* Leaves in the channel what another update server advises. */
void catalogue_advise(struct catalogue *catalogue, const struct advice *advice);
/* It is an ostree repository's ref: what it says does not expire. */
gboolean catalogue_is_undated(const struct catalogue *catalogue);
/* When the first of the metadata expires, seconds since 1970; 0: unknown, or never. */
gint64 catalogue_expires(const struct catalogue *catalogue);

struct catalogue_bundle {
	char *location;   /* URL, or the path of a file */
	gboolean is_file; /* it is a path */
	gboolean is_delta;
	uint8_t manifest_hash[OFFER_HASH_SIZE];
};
void catalogue_bundle_clear(struct catalogue_bundle *bundle);

/* The smallest bundle of the release that this machine can use. `running`: its version, or NULL;
 * `full_only`: no delta. FAULT_OFFER_NONE; as repo_target() and offer_decode(). */
gboolean catalogue_find(struct catalogue *catalogue, const struct channel_release *release,
			const char *running, gboolean full_only,
			struct catalogue_bundle *ret_bundle, GError **error);

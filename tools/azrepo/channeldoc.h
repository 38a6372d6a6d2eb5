/* SPDX-License-Identifier: MIT */
#pragma once
/* Channel documents: read out of the repository, changed as JSON (so that fields of a later azrepo
 * stay), and put back once lib/channel.h accepts them. */

#include <glib.h>

#include "place.h"
#include "repository.h"

/* The document as it is published, or will be by this command. The caller owns it. `create`: an
 * empty one where there is none; else FAULT_AZREPO_CHANNEL. */
json_t *channeldoc_load(const struct repository *repository, const struct place *place,
			gboolean create, GError **error);
/* Writes it as a target and lists it in the draft. FAULT_CHANNEL_*: a limit is broken. */
gboolean channeldoc_store(struct repository *repository, const struct place *place,
			  const json_t *document, GError **error);

/* Borrowed. FAULT_AZREPO_RELEASE: the channel does not have it. */
json_t *channeldoc_release(const json_t *document, const char *version, GError **error);
/* Takes `release` over, in its place: the newest is last. */
void channeldoc_release_put(json_t *document, json_t *release);
/* Takes out the oldest releases above that number; barriers stay. */
void channeldoc_trim(json_t *document, size_t keep);
/* The release of a version as the repository's bundles make it. FAULT_AZREPO_RELEASE: there is no
 * bundle of it. The caller owns it. */
json_t *channeldoc_release_make(const struct repository *repository, const struct place *place,
				const char *version, GError **error);
/* `reason` NULL: it is not revoked any more. */
void channeldoc_revoke(json_t *document, const char *version, const char *reason);
const char *channeldoc_revoked(const json_t *document, const char *version);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Publishes static deltas between the commits that releases were made of, with what machines must
 * know of the older one (staticbase.h). */

#include <glib.h>

#include "ostreewrite.h"

struct ostreedelta {
	const char *repo;
	const char *ref;           /* the release's: `auto` is what it leads to now */
	const char *to;            /* the system's commit, hex */
	const char *key;           /* ed25519, what signkey.h loads */
	struct ostreewrite *write; /* the release's commit: gets a file for each delta */
	const char *place;         /* folder for temporary files */
};

/* `from`: a revision, or "auto". Tells on standard output what it saves; one that saves nothing is
 * not published, and neither is one from the very same commit, nor "auto" for a first release. */
gboolean ostreedelta_publish(const struct ostreedelta *publish, const char *from, GError **error);

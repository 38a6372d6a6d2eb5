/* SPDX-License-Identifier: MIT */
#pragma once
/* A bundle in an ostree repository on any web server, as `azbundle ostree` published it: a ref
 * leads to a commit, the commit to a recipe, the recipe says which of the bundle's bytes are
 * which bytes of which file objects. An object is fetched when a read needs it: what the slots
 * have already is never read, and so never fetched. */

#include "source.h"

struct source_ostree_options {
	const char *keys;    /* folder of the keys that may sign the commit, see objectkeys.h */
	const char *state;   /* folder that remembers the latest commit of each ref; NULL: none */
	unsigned max_time_s; /* for each file */
};

/* Whether it is a URL of this kind: "ostree+https://HOST/REPO#REF", or with http. */
gboolean source_ostree_is_url(const char *url);
/* Nothing is asked before the first read, which checks, in this order: the ref's commit has its
 * checksum; is signed by a key (FAULT_OSTREE_SIGNATURE); is bound to this ref (_BINDING); is not
 * older than one that was seen of it (_OLDER); has a recipe (FAULT_RECIPE_FORMAT) of the commit
 * that it says it is of (FAULT_OSTREE_PINNED). Objects: FAULT_OSTREE_OBJECT, _FETCH, FAULT_HTTP_.
 * The network's failures are waited out as options->retry_time_s has it. */
struct source *source_open_ostree(const char *url, const struct source_ostree_options *ostree,
				  const struct source_options *options, GCancellable *cancellable,
				  GError **error);
/* The system's commit that the release says it was made of, hex, borrowed; NULL: it is a source of
 * another kind, or has not been read yet. The signed manifest must say the same. */
const char *source_ostree_origin(const struct source *source);

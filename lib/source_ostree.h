/* SPDX-License-Identifier: MIT */
#pragma once
/* A bundle in an ostree repository on any web server, as `azbundle ostree` published it: a ref
 * leads to a commit, the commit to a recipe, the recipe says which of the bundle's bytes are
 * which bytes of which file objects. An object is fetched when a read needs it: what the slots
 * have already is never read, and so never fetched. Where the release has a static delta from what
 * runs, parts of it are fetched instead of objects that have more bytes. */

#include "source.h"
#include "staticchoice.h"

struct staticuse_base;

struct source_ostree_options {
	const char *keys;    /* folder of the keys that may sign the commit, see objectkeys.h */
	const char *state;   /* folder that remembers the latest commit of each ref; NULL: none */
	unsigned max_time_s; /* for each file */
	struct staticuse_base *base; /* the release that runs: static deltas from it are used where
				      * they cost less; taken over, NULL: none */
};

/* Whether it is a URL of this kind: "ostree+https://HOST/REPO#REF", or with http. "#REF@COMMIT",
 * with the checksum of a release's commit, is that one and not what the ref names now. */
gboolean source_ostree_is_url(const char *url);
/* Where the server says which commit the ref names; NULL: it is another kind of URL. The caller
 * frees. */
char *source_ostree_ref_url(const char *url);
/* Nothing is asked before the first read, which checks, in this order: the ref's commit has its
 * checksum; is signed by a key (FAULT_OSTREE_SIGNATURE); is bound to this ref (_BINDING); is not
 * older than one that was seen of it (_OLDER; not if the URL names the commit); has a recipe
 * (FAULT_RECIPE_FORMAT) of the commit that it says it is of (FAULT_OSTREE_PINNED). Objects:
 * FAULT_OSTREE_OBJECT, _FETCH, _LARGE, FAULT_HTTP_. The network's failures are waited out as
 * network->retry_time_s has it; a worker that dies is begun anew, once a file. */
struct source *source_open_ostree(const char *url, const struct source_ostree_options *options,
				  const struct source_options *network, GCancellable *cancellable,
				  GError **error);
/* The system's commit that the release says it was made of, hex, borrowed; NULL: it is a source of
 * another kind, or has not been read yet. The signed manifest must say the same. */
const char *source_ostree_origin(const struct source *source);
/* Asks which commit the ref names now: nothing is known of it yet but that reads will be of it.
 * Hex; the caller frees. NULL with FAULT_OSTREE_FETCH, _LARGE, FAULT_HTTP_. */
char *source_ostree_look(struct source *source, GError **error);
/* When the commit was made, seconds since 1970, as its signer says; 0: not read yet. */
uint64_t source_ostree_time(const struct source *source);
/* What a static delta would spare if those ranges were read; nothing is fetched. All zeros if there
 * is none, or nothing has been read yet. */
struct staticchoice source_ostree_choose(struct source *source, const struct source_range *ranges,
					 size_t count);

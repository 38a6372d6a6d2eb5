/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of a source in an ostree repository share. */

#include "backoff.h"
#include "objectcache.h"
#include "objectfetch.h"
#include "objectfile.h"
#include "pace.h"
#include "recipe.h"
#include "source_ostree.h"
#include "staticuse.h"
#include "tufget.h"

/* Deflate makes of incompressible bytes no more than this. */
enum { SOURCE_OSTREE_SLACK = OBJECTFILE_HEADER_MAX + RECIPE_CONTENT_MAX / 1024 };

static const char SOURCE_OSTREE_REFS[] = "refs/heads/";

struct source_ostree {
	struct source source;
	char *ref;
	uint8_t commit[OBJECTFILE_HASH_SIZE];
	gboolean is_known; /* `commit` is */
	gboolean is_named; /* by the URL */
	char *key_folder;
	char *state_folder; /* NULL: none */
	char *state_name;
	struct tufget *get;
	struct objectfetch *fetch; /* ahead of the reads; NULL: nobody does */
	struct backoff backoff;
	uint64_t patience_ms;    /* once the server has answered */
	gboolean was_begun_anew; /* a worker, for this file */
	struct pace_limit limit; /* over files: each comes as fast as it can */
	struct recipe *recipe;   /* NULL: nothing was read yet */
	gboolean is_whole;       /* the recipe is of all of the bundle, not of its head alone */
	GError *whole_failure;   /* why the whole one could not be had */
	GBytes *folder;          /* of the release's commit */
	uint8_t folder_object[OBJECTFILE_HASH_SIZE];
	char *origin;
	uint64_t time_s; /* of the commit */
	struct objectcache cache;
	const struct workers *workers;
	struct staticuse_base *base; /* the release that runs; NULL: no delta is of use */
	struct staticuse *delta;     /* NULL: there is none */
	GByteArray *wanted;          /* checksums, as they were announced last */
};

/* The ref's commit, if it is not known. */
gboolean source_ostree_ref_get(struct source_ostree *ostree, GError **error);
/* All that is checked before the first byte of the bundle is read: see source_open_ostree(). */
gboolean source_ostree_release_find(struct source_ostree *ostree, GError **error);
/* The recipe of the whole bundle, if there is only its head's so far; a failure stays one. Looks
 * for a static delta, too: what that makes is in full payloads alone. */
gboolean source_ostree_whole_get(struct source_ostree *ostree, GError **error);
/* The content of a file object, fetched now. */
GBytes *source_ostree_content_get(struct source_ostree *ostree, const uint8_t *object,
				  GError **error);
/* A static delta that is of no use is told, and that is all. */
void source_ostree_delta_tell(const struct source_ostree *ostree, const GError *why);

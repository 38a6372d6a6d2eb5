/* SPDX-License-Identifier: MIT */
#pragma once
/* Repositories in memory, with their keys, for tests of the client: bodies are made by hand and
 * signed here. Not for anything else: the private keys are their numbers. */

#include <glib.h>

#include "json.h"
#include "tufclient.h"

enum {
	TUFMAKE_NOW_S = 1800000000, /* 2027-01-15T08:00:00Z */
	TUFMAKE_KEYS = 24,
};
#define TUFMAKE_LATER "2027-02-01T00:00:00Z"
#define TUFMAKE_EARLIER "2027-01-15T08:00:00Z" /* not later than now */

/* Of key 0 to TUFMAKE_KEYS - 1. */
const char *tufmake_keyid(unsigned key);
json_t *tufmake_key(unsigned key);
/* {"keyids": [...], "threshold": ...} of keys first, first + 1, ... */
json_t *tufmake_grant(int threshold, unsigned first, unsigned count);
/* The envelope of `body`, which is taken over, signed by those keys. */
GBytes *tufmake_sign(json_t *body, unsigned first, unsigned count);
json_t *tufmake_body(const char *type, unsigned version, const char *expires);

/* What a mirror has, and the state of a maker who keeps it. Start from tufmake_new(). */
struct tufmake {
	struct tuftransport transport;
	GHashTable *files; /* GBytes by name */
	GPtrArray *asked;  /* names, in order */
	unsigned versions[TUFROLE_KINDS];
	unsigned keys[TUFROLE_KINDS]; /* each role has one */
	const char *expires[TUFROLE_KINDS];
	json_t *targets;     /* "targets" of the role targets */
	json_t *delegations; /* NULL: none */
	json_t *meta;        /* of the snapshot */
	gboolean hashes;     /* lengths and hashes are announced, too */
};
/* With version 1 of each role. */
struct tufmake *tufmake_new(void);
void tufmake_free(struct tufmake *make);

/* Publish what the state says, with the version as it is. */
void tufmake_root(struct tufmake *make);
void tufmake_targets(struct tufmake *make);
void tufmake_snapshot(struct tufmake *make);
void tufmake_timestamp(struct tufmake *make);
/* Targets, snapshot and timestamp, each with the next version. */
void tufmake_publish(struct tufmake *make);
/* A delegated role's body, signed by `key`; the snapshot's list gets it. */
void tufmake_delegated(struct tufmake *make, const char *name, json_t *body, unsigned key);
/* Adds a target of that many bytes of zeros to `targets`. */
void tufmake_target_add(json_t *targets, const char *name, unsigned size_bytes);

/* A store in memory that stops listening: after `saves_left` saves each one fails, as if the
 * machine had lost its power before it. */
struct tufkeep {
	struct tufstorage storage;
	GHashTable *files;
	unsigned saves_left;
};
struct tufkeep *tufkeep_new(void);
void tufkeep_free(struct tufkeep *keep);
/* Its files, as one text to compare. The caller frees. */
char *tufkeep_text(const struct tufkeep *keep);

/* SPDX-License-Identifier: MIT */
#pragma once
/* The metadata of one role of a repository (TUF 1.0, part 4 of its specification), decoded with
 * limits, and whether those have signed it whom it needs. Pure.
 *
 * Unknown fields are covered by the signatures and otherwise ignored. */

#include <glib.h>
#include <stdint.h>

#include "json.h"
#include "tufkey.h"

enum {
	TUFROLE_HASH_SIZE = 64, /* the longest that is known: SHA-512 */
	TUFROLE_KEYS_MAX = 256,
	TUFROLE_SIGNATURES_MAX = 64,
	TUFROLE_SIGNATURE_SIZE_MAX = 1024,
	TUFROLE_META_MAX = 4096,     /* roles in a snapshot */
	TUFROLE_TARGETS_MAX = 16384, /* in one role */
	TUFROLE_DELEGATIONS_MAX = 256,
	TUFROLE_PATTERNS_MAX = 256,
};

#define TUFROLE_NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* what any JSON reader has exactly */

enum tufrole_kind { TUFROLE_ROOT, TUFROLE_TIMESTAMP, TUFROLE_SNAPSHOT, TUFROLE_TARGETS };
enum { TUFROLE_KINDS = TUFROLE_TARGETS + 1 };

/* Which keys may sign a role, and how many different ones have to. */
struct tufgrant {
	uint64_t threshold; /* may be more than there are keys: then nothing is good */
	GPtrArray *keys;    /* of struct tufkey, which belong to the role that grants */
};

/* What one role says about another's file, or about a target. Lower-case hex; NULL: not listed. */
struct tuffile {
	uint64_t version; /* of metadata */
	uint64_t size_bytes;
	gboolean has_size;
	gboolean has_hashes; /* there is a list, maybe of unknown hashes only */
	char *sha256;
	char *sha512;
	json_t *custom; /* borrowed from the role; NULL: none */
};

struct tufdelegation {
	char *name;
	struct tufgrant grant;
	gboolean terminating;
	GPtrArray *patterns; /* of char *; NULL: hash_prefixes are given instead */
	GPtrArray *hash_prefixes;
};

struct tufrole {
	enum tufrole_kind kind;
	char *name;
	uint64_t version;
	gint64 expires_s;      /* seconds since 1970 */
	GBytes *bytes;         /* as they came */
	GBytes *canonical;     /* what is signed */
	GPtrArray *signatures; /* private */
	json_t *document;

	/* root */
	gboolean consistent_snapshot;
	struct tufgrant grants[TUFROLE_KINDS];
	/* root and targets: struct tufkey by id */
	GHashTable *keys;
	/* snapshot and timestamp: struct tuffile by the role's name, without .json */
	GHashTable *meta;
	/* targets: struct tuffile by name; the delegations in their order */
	GHashTable *targets;
	GPtrArray *delegations;
};
typedef struct tufrole Tufrole; /* for g_autoptr() only */

/* `name` is for messages, and tufrole->name: that of the kind, or a delegated role's. Nothing of it
 * may be used before tufrole_verify(). FAULT_TUF_JSON, _TYPE, _SPEC, _FIELD, _KEY, _KEY_ID,
 * _THRESHOLD, _SIGNATURE_TWICE, _PATH (a delegated role's name), FAULT_CANON_*. */
struct tufrole *tufrole_decode(enum tufrole_kind kind, const char *name, GBytes *bytes,
			       GError **error);
void tufrole_free(struct tufrole *role); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tufrole, tufrole_free)

/* At least the threshold of different keys of `grant` has signed it. Signatures that are wrong or
 * by others do no harm. FAULT_TUF_SIGNATURES. */
gboolean tufrole_verify(const struct tufrole *role, const struct tufgrant *grant, GError **error);

/* FAULT_TUF_EXPIRED: not later than `now_s`. */
gboolean tufrole_check_time(const struct tufrole *role, gint64 now_s, GError **error);

/* Length and all known hashes, as far as they are listed. FAULT_TUF_LENGTH, _HASH: another one, or
 * none that is known. `what` is for the message. */
gboolean tuffile_check(const struct tuffile *file, const char *what, GBytes *bytes, GError **error);

gboolean tufdelegation_covers(const struct tufdelegation *delegation, const char *target);

/* "2026-11-26T09:00:00Z", exactly so, from 1970 on; seconds since then. */
gboolean tufrole_time_parse(const char *text, gint64 *ret_s);
/* The other way; the caller frees. */
char *tufrole_time_format(gint64 time_s);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Store: past releases that this machine keeps, beyond its two slots, in STATE/store. Each can be
 * made again bit for bit; what two of them share is kept once. docs/STORE.md. */

#include <gio/gio.h>
#include <glib.h>

#include "converge.h"
#include "storechoice.h"
#include "storeindex.h"
#include "storerepo.h"

enum { STORE_SLOTS_SIZE = 2 * VERITREE_HASH_SIZE };

struct store_release {
	GBytes *manifest_bytes; /* these two borrowed */
	GBytes *signature;
	const struct manifest *manifest;
	struct converge_place places[STOREINDEX_PAYLOADS]; /* where its images stand now */
	const char *names[STOREINDEX_PAYLOADS];            /* of the payloads: static */
};

struct store_options {
	converge_report report; /* may be NULL */
	gpointer user_data;
	GCancellable *cancellable; /* may be NULL */
};

/* Reads the images and stores them, if they hash to their signed roots: FAULT_STORE_SLOT. Does
 * nothing where the store has the very release already, with all of its objects. *ret_new_bytes:
 * of the images, what no stored release had. FAULT_STORE_SPACE, _WRITE, FAULT_JOB_CANCELLED,
 * faults of disks; the store is then as it was. */
gboolean store_add(struct storerepo *repo, const struct store_release *release,
		   const struct store_options *options, uint64_t *ret_new_bytes, GError **error);

/* A release of the store. */
struct store_entry {
	char *name; /* of the entry: the version, with what a ref may not have escaped */
	char *version;
	uint64_t time_s;     /* when it was stored, since 1970; 0: unknown */
	uint64_t size_bytes; /* of the images */
	uint8_t root_hash[VERITREE_HASH_SIZE];
	gboolean is_complete; /* all is there; whether it is right, only reading tells */
};

/* Of struct store_entry, oldest first; a damaged entry is among them, not complete. */
GPtrArray *store_list(struct storerepo *repo, GError **error);
/* The entry's name of a version; free with g_free(). */
char *store_name(const char *version);
/* The version of a name; NULL if no version has it. Free with g_free(). */
char *store_version(const char *name);

/* Drops releases until the store is within its limits, and then what no release needs. What stands
 * in the slots is given by its root hashes, one behind the other; zeros where there is none. Adds
 * the versions that it dropped to `dropped`. */
gboolean store_prune(struct storerepo *repo, const struct storechoice_limits *limits,
		     const uint8_t slots[static STORE_SLOTS_SIZE], GPtrArray *dropped,
		     GError **error);

/* Reads everything, and drops each release that is damaged, into `dropped`. */
gboolean store_check(struct storerepo *repo, GPtrArray *dropped, GError **error);

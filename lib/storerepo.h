/* SPDX-License-Identifier: MIT */
#pragma once
/* Store repository: the ostree repository under the device's store. What it keeps of a release is
 * one commit: its manifest, signature and index as files, and every object that the index names.
 * Objects are named by a hash of what they hold, so releases share what is the same in both, and
 * damage is found whenever one is read.
 *
 * One writer at a time; another process or thread may read meanwhile, with a repository of its own
 * opening. A release is there as a whole or not at all, after a kill or a power cut too. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

enum {
	STOREREPO_OBJECT_SIZE = 32,
	STOREREPO_FILE_MAX = 64 * 1024 * 1024, /* bytes of an object */
};

/* What a kill may leave beside the entries has a name that begins like this; no entry may. */
#define STOREREPO_LEFTOVER "tmp."

struct storerepo;
typedef struct storerepo Storerepo; /* for g_autoptr() only */

struct storerepo_entry {
	uint64_t time_s;  /* when it was stored, since 1970 */
	GBytes *manifest; /* these two of releases only */
	GBytes *signature;
	GBytes *index;
};
typedef struct storerepo_entry StorerepoEntry; /* for g_autoptr() only */
void storerepo_entry_free(struct storerepo_entry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorerepoEntry, storerepo_entry_free)

/* A folder; if `create`, it is made. NULL with FAULT_STORE_EMPTY where there is none and none is
 * to be made, else FAULT_STORE_OPEN. */
struct storerepo *storerepo_open(const char *path, gboolean create, GCancellable *cancellable,
				 GError **error);
void storerepo_free(struct storerepo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Storerepo, storerepo_free)

/* Besides releases it keeps states of /etc (etcstore.h), under names of their own. One opening
 * deals with one kind: that of releases, unless this is called before anything else. A sweep looks
 * at all of them. */
enum storerepo_kind { STOREREPO_RELEASES, STOREREPO_ETC, STOREREPO_KIND_COUNT };
void storerepo_set_kind(struct storerepo *repo, enum storerepo_kind kind);

/* Writing a release: begin, put all objects, then commit, or abort. FAULT_STORE_SPACE, _WRITE,
 * FAULT_JOB_CANCELLED. A failure in between leaves only storerepo_abort(). */
gboolean storerepo_begin(struct storerepo *repo, GError **error);
/* An object that is there already is read and compared; if it is damaged, it is written anew, which
 * heals the other releases that have it. *ret_new: bytes were added. */
gboolean storerepo_put(struct storerepo *repo, const uint8_t *bytes, size_t size_bytes,
		       uint8_t ret_object[static STOREREPO_OBJECT_SIZE], gboolean *ret_new,
		       GError **error);
/* Replaces an entry of the same name. */
gboolean storerepo_commit(struct storerepo *repo, const char *name,
			  const struct storerepo_entry *entry, GError **error);
void storerepo_abort(struct storerepo *repo);

/* The bytes of an object, checked against its name. NULL with FAULT_STORE_OBJECT. */
GBytes *storerepo_get(struct storerepo *repo, const uint8_t object[static STOREREPO_OBJECT_SIZE],
		      GError **error);
gboolean storerepo_has(struct storerepo *repo, const uint8_t object[static STOREREPO_OBJECT_SIZE]);

/* Names of the entries, in no order; NULL with FAULT_STORE_OPEN. */
GPtrArray *storerepo_names(struct storerepo *repo, GError **error);
/* NULL with FAULT_STORE_RELEASE (there is none of that name), FAULT_STORE_OBJECT. */
struct storerepo_entry *storerepo_read(struct storerepo *repo, const char *name, GError **error);
/* Reads all that an entry is made of. What is damaged is removed, so that it is written anew when
 * it is next put. FAULT_STORE_OBJECT, FAULT_JOB_CANCELLED. `good`: a set of names of objects that
 * are known to be right, which grows (g_str_hash, owned keys). */
gboolean storerepo_verify(struct storerepo *repo, const char *name, GHashTable *good,
			  GError **error);

/* Takes an entry away; its objects stay until the next sweep. That there is none is no failure. */
gboolean storerepo_remove(struct storerepo *repo, const char *name, GError **error);
/* Removes the objects that no entry has, and what a kill has left. */
gboolean storerepo_sweep(struct storerepo *repo, GError **error);
/* What the folder takes on its file system, in bytes. */
uint64_t storerepo_size(const struct storerepo *repo);

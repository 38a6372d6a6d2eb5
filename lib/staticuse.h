/* SPDX-License-Identifier: MIT */
#pragma once
/* A static delta of libostree in use, by a machine that has images and no repository: the older
 * objects stand in the image that runs, where the release's own base (staticbase.h) says; parts are
 * fetched as a whole when one of their objects is read, and taken apart by a worker process. Each
 * object must have its checksum, or the delta is dropped. What a part makes and is not read yet
 * waits in a file of the state folder, which has no name.
 *
 * Whatever is wrong with a delta costs what it would have spared, and no more. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "disk.h"
#include "staticchoice.h"

struct workers;

/* The release that runs. Owns its disk. */
struct staticuse_base {
	uint8_t commit[STATICDELTA_HASH_SIZE]; /* that its image was made of */
	struct disk *disk;                     /* the image begins at 0 */
	uint64_t size_bytes;                   /* of the image */
};
typedef struct staticuse_base StaticuseBase;           /* for g_autoptr() only */
void staticuse_base_free(struct staticuse_base *base); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StaticuseBase, staticuse_base_free)

/* Files of the repository, by their names; NULL with a failure. */
typedef GBytes *(*staticuse_get)(gpointer user_data, const char *name, size_t size_max,
				 GError **error);

struct staticuse_options {
	const struct staticuse_base *base; /* borrowed */
	uint8_t to[STATICDELTA_HASH_SIZE]; /* the commit that is wanted */
	GBytes *known;                     /* what staticbase_encode() made */
	const char *keys;                  /* folder, see objectkeys.h */
	const char *folder;                /* for the file without a name; it exists */
	const struct workers *workers;     /* that take parts apart; NULL: this process */
	GCancellable *cancellable;         /* may be NULL */
	staticuse_get get;
	gpointer user_data;
};

struct staticuse;
typedef struct staticuse Staticuse; /* for g_autoptr() only */

/* Fetches the superblock. FAULT_STATICDELTA_, FAULT_KEYRING_MISSING and others of objectkeys.h;
 * what get() fails with. Texts are copied. */
struct staticuse *staticuse_open(const struct staticuse_options *options, GError **error);
void staticuse_free(struct staticuse *use); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Staticuse, staticuse_free)

/* What of it is worth its bytes if these objects (checksums, one behind the other) are needed,
 * beside those that were chosen before. Nothing is fetched. */
struct staticchoice staticuse_choose(struct staticuse *use, const uint8_t *objects, size_t count);
/* Whether the object will come from here, or has been made already. */
gboolean staticuse_makes(const struct staticuse *use,
			 const uint8_t object[static STATICDELTA_HASH_SIZE]);
/* The content. NULL without a failure: it does not come from here. With one: a part is of no use,
 * and from now on nothing new comes from here; the failure says why. */
GBytes *staticuse_take(struct staticuse *use, const uint8_t object[static STATICDELTA_HASH_SIZE],
		       GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Tree of /etc: what stands in it, as values: either what a release brings, or what was changed on
 * this machine (the upper folder of an overlay). Pure; etcwalk.h reads one, etcwrite.h makes one.
 *
 * As bytes it is a GVariant in this machine's byte order: it never leaves the machine. Format 1:
 * (format, version, root hash, reason, entries), see docs/ETC.md. */

#include <glib.h>
#include <stdint.h>

enum {
	ETCTREE_FORMAT = 1,
	ETCTREE_ENTRIES_MAX = 32768,
	ETCTREE_PATH_MAX = 1024,            /* bytes */
	ETCTREE_DEPTH_MAX = 32,             /* folders in one another */
	ETCTREE_TARGET_MAX = 4095,          /* bytes, of a symbolic link */
	ETCTREE_FILE_MAX = 16 << 20,        /* bytes of a file */
	ETCTREE_FILES_MAX = 256 << 20,      /* bytes of all files */
	ETCTREE_XATTRS_MAX = 64,            /* of an entry */
	ETCTREE_XATTR_SIZE_MAX = 64 * 1024, /* bytes of one */
	ETCTREE_TEXT_MAX = 128,             /* bytes of a version, a root hash, a reason */
	ETCTREE_SIZE_MAX = 32 << 20,        /* bytes, of the whole as bytes */
	ETCTREE_HASH_SIZE = 32,
};

/* What the release had at this path when the change was made. */
enum etctree_base { ETCTREE_BASE_UNKNOWN, ETCTREE_BASE_ABSENT, ETCTREE_BASE_PRESENT };

struct etctree_entry {
	char *path;    /* below the root of the tree; "" is the root itself */
	uint32_t mode; /* as st_mode, with the type; 0: what the release has there is gone */
	uint32_t uid;
	uint32_t gid;
	uint64_t rdev; /* of a device */
	int64_t mtime_ns;
	gboolean opaque;  /* a folder: nothing that the release has in it is seen */
	char *target;     /* of a symbolic link, else "" */
	GVariant *xattrs; /* a(ayay), by name; none of overlayfs's own */
	uint64_t size_bytes;
	uint8_t object[ETCTREE_HASH_SIZE]; /* of a file: its content in the store; zeros: none */
	uint8_t digest[ETCTREE_HASH_SIZE]; /* of all that is seen of it, but for the time */
	enum etctree_base base;
	uint32_t base_mode;
	uint8_t base_digest[ETCTREE_HASH_SIZE];
};

struct etctree {
	char *version;      /* of the release that it was seen on; "" if not known */
	char *root_hash;    /* hex, of that release */
	char *reason;       /* why it was stored; "" for what a release brings */
	GPtrArray *entries; /* of struct etctree_entry, by path, the root first */
};
typedef struct etctree Etctree; /* for g_autoptr() only */

struct etctree *etctree_new(const char *version, const char *root_hash, const char *reason);
void etctree_free(struct etctree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Etctree, etctree_free)

/* With no attributes; belongs to the caller until it is added. */
struct etctree_entry *etctree_entry_new(const char *path);
void etctree_entry_free(struct etctree_entry *entry);
/* To be sorted before it is searched. */
void etctree_add(struct etctree *tree, struct etctree_entry *entry);
void etctree_sort(struct etctree *tree);
/* NULL: there is none. */
const struct etctree_entry *etctree_find(const struct etctree *tree, const char *path);

/* Sets the digest, from a hash of the content of a file. */
void etctree_seal(struct etctree_entry *entry, const uint8_t content[static ETCTREE_HASH_SIZE]);

/* Whether a path is one: no empty parts, dots, or slashes at its ends; within the limits. */
gboolean etctree_path_is_good(const char *path);

GBytes *etctree_encode(const struct etctree *tree);
/* NULL with FAULT_ETC_DAMAGED. Paths rise, each stands in a folder of the tree, and what each entry
 * may be is checked, so that it can be written without a look at anything else. */
struct etctree *etctree_decode(GBytes *bytes, GError **error);

/* Notes for each change what the release had there when it was made: as `before`, the state stored
 * last, has it, if the change is the same one still; else as `defaults` says. Both may be NULL. */
void etctree_base_note(struct etctree *tree, const struct etctree *before,
		       const struct etctree *defaults);
/* The same release, the same changes with the same bases; why and when does not count. */
gboolean etctree_is_same(const struct etctree *a, const struct etctree *b);

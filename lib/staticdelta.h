/* SPDX-License-Identifier: MIT */
#pragma once
/* Static deltas of libostree: what is needed of a superblock, which says of a pair of commits what
 * parts there are and which objects each of them makes. Decoded without libostree; all of it may
 * be hostile until its signature was checked.
 *
 * Formats: libostree's (https://ostreedev.github.io/ostree/formats/). A signed superblock is
 * (taya{sv}): a magic number, the superblock's bytes, signatures of those bytes. A superblock is
 * (a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt)); sizes in it have the byte order that its
 * metadata name. */

#include <glib.h>
#include <stdint.h>

enum {
	STATICDELTA_HASH_SIZE = 32,
	STATICDELTA_SUPERBLOCK_MAX = 16 * 1024 * 1024, /* bytes, with its signatures */
	STATICDELTA_PARTS_MAX = 4096,
	STATICDELTA_OBJECTS_MAX = 1 << 18,
	STATICDELTA_PART_MAX = 20 * 1024 * 1024, /* bytes of a part that is used, as it is stored */
};

struct staticdelta_part {
	uint8_t checksum[STATICDELTA_HASH_SIZE]; /* of the part's file */
	uint64_t stored_bytes;
	uint64_t content_bytes; /* of its objects, as the superblock says */
	guint first_object;
	guint object_count;
};

struct staticdelta_object {
	uint8_t type; /* libostree's; STATICDELTA_FILE is all that is of use here */
	uint8_t checksum[STATICDELTA_HASH_SIZE];
};
enum { STATICDELTA_FILE = 1 };

struct staticdelta {
	GArray *parts;   /* struct staticdelta_part */
	GArray *objects; /* struct staticdelta_object: of the first part, then of the next */
};
typedef struct staticdelta Staticdelta; /* for g_autoptr() only */

struct staticdelta_pair {
	uint8_t from[STATICDELTA_HASH_SIZE];
	uint8_t to[STATICDELTA_HASH_SIZE];
};

/* "deltas/XX/REST-TO/FILE", as a repository has it. The caller frees. */
char *staticdelta_path(const struct staticdelta_pair *pair, const char *file);
/* The superblock's own bytes out of a signed one, and the ed25519 signatures (GBytes) that are to
 * be of them. FAULT_STATICDELTA_SIGNATURE: it is not signed. */
gboolean staticdelta_signed_decode(GBytes *bytes, GBytes **ret_superblock,
				   GPtrArray **ret_signatures, GError **error);
/* FAULT_STATICDELTA_OTHER: it is of other commits; _FORMAT. */
struct staticdelta *staticdelta_decode(GBytes *superblock, const struct staticdelta_pair *pair,
				       GError **error);
void staticdelta_free(struct staticdelta *delta); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Staticdelta, staticdelta_free)

/* Of a signed one, with one signature: as libostree writes it. */
GBytes *staticdelta_signed_encode(GBytes *superblock, GBytes *signature);

/* SPDX-License-Identifier: MIT */
#pragma once
/* A part of a static delta of libostree: unpacked and looked through as a whole, then its objects
 * are made one by one, each out of the part's own bytes and, some, out of one older object. All of
 * it may be hostile, so a worker process does it; whether an object is right only its checksum
 * tells.
 *
 * Formats: libostree's. A part is a byte, 0 or 'x' (xz), and (a(uuu)aa(ayay)ayay): owners and modes
 * (big-endian), extended attributes, bytes, operations. An operation is a letter with varints:
 *   S  an object whole. Of a file: owner, attributes, size, offset; of others: size, offset
 *   o  begins a file: owner, attributes, size
 *   w  appends: size, offset; out of the older object, if one was named, else out of the bytes
 *   r  names an older object: offset of its checksum.  R  takes that back
 *   B  a patch (bspatch.h) of the whole older object: offset, size
 *   c  ends the file, and takes the name back */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "bspatch.h"

enum {
	STATICPART_RAW_MAX = 20 * 1024 * 1024,     /* bytes of a part, unpacked */
	STATICPART_CONTENT_MAX = 16 * 1024 * 1024, /* of an object that is made, and of an older one
						    */
	STATICPART_HEADER_MAX = 128 * 1024,
	STATICPART_OBJECTS_MAX = 1 << 18,
	STATICPART_HASH_SIZE = 32,
};

struct staticpart;
typedef struct staticpart Staticpart; /* for g_autoptr() only */

/* What it takes to make one. */
struct staticpart_object {
	gboolean is_file;    /* a regular one that can be made here: others are not */
	gboolean has_source; /* out of an older one ... */
	uint8_t source[STATICPART_HASH_SIZE]; /* ... of this checksum */
	size_t header_size;
	size_t content_size;
};

/* `types`: of each of its objects, as the superblock says. FAULT_STATICDELTA_FORMAT. */
struct staticpart *staticpart_open(const struct bspatch_bytes *stored, const uint8_t *types,
				   guint count, GError **error);
void staticpart_free(struct staticpart *part); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Staticpart, staticpart_free)

/* FALSE with FAULT_STATICDELTA_FORMAT: there is no such object. */
gboolean staticpart_look(const struct staticpart *part, guint index,
			 struct staticpart_object *ret_object, GError **error);
/* header_size bytes of the header that libostree's checksum is over, (uuuusa(ayay)), and
 * content_size bytes behind it. source NULL: it has none. FAULT_STATICDELTA_FORMAT. */
gboolean staticpart_make(const struct staticpart *part, guint index,
			 const struct bspatch_bytes *source, uint8_t *ret_bytes, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Objects of an ostree repository of mode archive, as a web server has them: decoded without
 * libostree, and checked against the checksum that they were asked for by. All may be hostile.
 *
 * Formats: libostree's (https://ostreedev.github.io/ostree/formats/). Numbers are big-endian. A
 * file object: size of the header (4 bytes), 4 bytes of zeros, header (tuuuusa(ayay)), deflated
 * content; its checksum is over the same with the header (uuuusa(ayay)) and the content as it
 * is. */

#include <glib.h>
#include <stdint.h>

enum {
	OBJECTFILE_HASH_SIZE = 32,
	OBJECTFILE_METADATA_MAX = 1024 * 1024, /* bytes of a commit, a folder, detached metadata */
	OBJECTFILE_HEADER_MAX = 128 * 1024,
	OBJECTFILE_SIGNATURES_MAX = 64,
	OBJECTFILE_REF_MAX = 255,
};

/* What is needed of a commit. */
struct objectfile_commit {
	uint64_t time_s;                    /* since 1970 */
	uint8_t tree[OBJECTFILE_HASH_SIZE]; /* of the root folder */
	char *origin;                       /* metadata "azupdate.commit", or NULL */
	char **refs;                        /* metadata "ostree.ref-binding", or NULL */
};
void objectfile_commit_clear(struct objectfile_commit *commit);

/* "objects/ab/cdef....KIND"; the caller frees. */
char *objectfile_path(const uint8_t object[static OBJECTFILE_HASH_SIZE], const char *kind);
/* Letters, digits and . _ - / without "..", "//", or a '/' at an end; up to OBJECTFILE_REF_MAX. */
gboolean objectfile_is_ref(const char *ref);

/* FAULT_OSTREE_OBJECT: these bytes do not have that checksum, or are not what they should be. */
gboolean objectfile_commit_decode(GBytes *bytes, const uint8_t object[static OBJECTFILE_HASH_SIZE],
				  struct objectfile_commit *ret_commit, GError **error);
/* The file `name` in a folder. */
gboolean objectfile_folder_find(GBytes *bytes, const uint8_t object[static OBJECTFILE_HASH_SIZE],
				const char *name, uint8_t ret_file[static OBJECTFILE_HASH_SIZE],
				GError **error);
/* Content of a file, up to `size_max` bytes. NULL on failure. */
GBytes *objectfile_content(GBytes *bytes, const uint8_t object[static OBJECTFILE_HASH_SIZE],
			   size_t size_max, GError **error);
/* The ed25519 signatures in detached metadata, as GBytes: none, if it has none or is malformed. */
GPtrArray *objectfile_signatures(GBytes *metadata);

/* A file object as its checksum sees it: the header is (uuuusa(ayay)). */
struct objectfile_parts {
	const uint8_t *header;
	size_t header_size;
	const uint8_t *content;
	size_t content_size;
};
void objectfile_checksum(const struct objectfile_parts *parts,
			 uint8_t ret_hash[static OBJECTFILE_HASH_SIZE]);

/* For hash tables whose keys are checksums. */
guint objectfile_hash(gconstpointer object);
gboolean objectfile_equal(gconstpointer a, gconstpointer b);

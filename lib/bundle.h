/* SPDX-License-Identifier: MIT */
#pragma once
/* Bundles (.azb): a release in one file, head first: header, manifest, signature, deltas, leaf
 * hashes, frame indexes, frames. The bytes are described in bundle.c and docs/FORMATS.md.
 *
 * Only the manifest is signed. All else is checked against the trees that it names: a wrong leaf
 * list does not give the root hash, a wrong frame gives blocks that do not have their leaf hash. */

#include <glib.h>

#include "frameindex.h"
#include "manifest.h"
#include "source.h"

enum {
	BUNDLE_HEADER_SIZE = 4096,
	BUNDLE_FORMAT = 1,
	BUNDLE_SECTIONS_MAX = 63,
	BUNDLE_SIGNATURE_MAX = 64 * 1024,
	BUNDLE_NAME_SIZE = 16,
	BUNDLE_BASE_SIZE = 24,               /* bytes of a base's root hash that name it */
	BUNDLE_TABLE_MAX = 16 * 1024 * 1024, /* of a section that is read at once */
};

enum bundle_kind {
	BUNDLE_LEAVES = 1,      /* one hash per block */
	BUNDLE_INDEX = 2,       /* frameindex.h */
	BUNDLE_FRAMES = 3,      /* one after another */
	BUNDLE_DELTA_INDEX = 4, /* deltaindex.h, against the base that the section names */
	BUNDLE_DELTA_FRAMES = 5,
	BUNDLE_DICTIONARY = 6, /* zstd, of the payload's frames; may be missing */
	BUNDLE_PARENTS = 7,    /* one hash per block of leaf hashes; may be missing */
	BUNDLE_METADATA = 8,   /* metapack.h, of no payload; may be missing */
	BUNDLE_KIND_COUNT
};

struct bundle_section {
	char name[BUNDLE_NAME_SIZE]; /* of the payload: "root", "uki" */
	uint32_t kind;
	uint32_t crc; /* CRC-32C, 0 for frames */
	uint64_t offset;
	uint64_t size_bytes;
	uint8_t base[BUNDLE_BASE_SIZE]; /* of a delta: how the base's root hash starts; else 0 */
};

struct bundle {
	struct source *source; /* borrowed */
	struct bundle_section sections[BUNDLE_SECTIONS_MAX];
	unsigned section_count;
	uint64_t total_bytes;
	GBytes *manifest_bytes;
	GBytes *signature;
	struct manifest *manifest;
	char *signers; /* names, NULL where it was not verified */
};
typedef struct bundle Bundle; /* for g_autoptr() only */

/* Reads the head, verifies the signature against `keyring`, and only then parses the manifest.
 * `keyring` NULL: nothing is verified; for `azbundle info` only. */
struct bundle *bundle_open(struct source *source, const char *keyring, GError **error);
/* The same of a release that this machine accepted before, see crypto_cms_verify_past(). */
struct bundle *bundle_open_past(struct source *source, const char *keyring, GError **error);
void bundle_free(struct bundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bundle, bundle_free)

/* The section of a payload that belongs to no base; NULL if there is none. */
const struct bundle_section *bundle_find(const struct bundle *bundle, const char *name,
					 enum bundle_kind kind);
/* The same of a delta against the base with this root hash. */
const struct bundle_section *bundle_find_delta(const struct bundle *bundle, const char *name,
					       enum bundle_kind kind,
					       const uint8_t root_hash[static VERITREE_HASH_SIZE]);

/* A payload can be had in full: leaf hashes, index and frames are there. */
gboolean bundle_is_full(const struct bundle *bundle, const char *name);

/* A whole section of at most BUNDLE_TABLE_MAX bytes, its checksum checked. */
GBytes *bundle_section_read(const struct bundle *bundle, const struct bundle_section *section,
			    GError **error);

/* The frames of a payload of `data_blocks` blocks. */
struct frameindex *bundle_index_read(const struct bundle *bundle, const char *name,
				     uint64_t data_blocks, GError **error);
/* The dictionary of its frames in *ret_dictionary, NULL if there is none. */
gboolean bundle_dictionary_read(const struct bundle *bundle, const char *name,
				GBytes **ret_dictionary, GError **error);

/* Encoding, for the writer and for tests. */
void bundle_header_encode(const struct bundle_section *sections, unsigned section_count,
			  uint32_t manifest_size, uint32_t signature_size, uint64_t total_bytes,
			  uint8_t ret_bytes[static BUNDLE_HEADER_SIZE]);

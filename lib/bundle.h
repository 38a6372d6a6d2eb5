/* SPDX-License-Identifier: MIT */
#pragma once
/* Bundles (.azb): a release in one file, head first: header, manifest, signature, leaf hashes,
 * frame indexes, frames. The bytes are described in bundle.c and docs/FORMATS.md.
 *
 * Only the manifest is signed. All else is checked against the trees that it names: a wrong leaf
 * list does not give the root hash, a wrong frame gives blocks that do not have their leaf hash. */

#include <glib.h>

#include "manifest.h"
#include "source.h"

enum {
	BUNDLE_HEADER_SIZE = 4096,
	BUNDLE_FORMAT = 1,
	BUNDLE_SECTIONS_MAX = 24,
	BUNDLE_SIGNATURE_MAX = 64 * 1024,
	BUNDLE_FRAME_BLOCKS_MAX = 256, /* 1 MiB of an image */
	BUNDLE_FRAME_STORED_MAX = BUNDLE_FRAME_BLOCKS_MAX * VERITREE_BLOCK_SIZE + 65536,
	BUNDLE_FRAMES_MAX = 1 << 17,
	BUNDLE_FRAME_ENTRY_SIZE = 32,
	BUNDLE_NAME_SIZE = 16,
};

enum bundle_kind {
	BUNDLE_LEAVES = 1, /* one hash per block */
	BUNDLE_INDEX = 2,  /* one entry per frame */
	BUNDLE_FRAMES = 3,
};

enum bundle_encoding {
	BUNDLE_STORED = 0,
	BUNDLE_ZSTD = 1,
};

struct bundle_section {
	char name[BUNDLE_NAME_SIZE]; /* of the payload: "root", "uki" */
	uint32_t kind;
	uint32_t crc; /* CRC-32C of leaves and indexes, 0 for frames */
	uint64_t offset;
	uint64_t size_bytes;
};

struct bundle_frame {
	uint64_t first_block;
	uint32_t block_count; /* 1..BUNDLE_FRAME_BLOCKS_MAX */
	uint32_t encoding;
	uint64_t offset;      /* from the start of the frames section */
	uint32_t stored_size; /* 1..BUNDLE_FRAME_STORED_MAX */
	uint32_t crc;         /* CRC-32C of the stored bytes */
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
void bundle_free(struct bundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bundle, bundle_free)

/* The section of a payload; NULL with FAULT_BUNDLE_RANGE. */
const struct bundle_section *bundle_find(const struct bundle *bundle, const char *name,
					 enum bundle_kind kind, GError **error);

/* All frames of a payload of `data_blocks` blocks, checked: in order, not overlapping, inside. */
GArray *bundle_index_read(const struct bundle *bundle, const char *name, uint64_t data_blocks,
			  GError **error);

/* One frame's blocks, decoded: frame->block_count * 4096 bytes, not verified yet. */
gboolean bundle_frame_read(const struct bundle *bundle, const char *name,
			   const struct bundle_frame *frame, uint8_t *ret_bytes, GError **error);

/* Encoding, for the writer and for tests. */
void bundle_header_encode(const struct bundle_section *sections, unsigned section_count,
			  uint32_t manifest_size, uint32_t signature_size, uint64_t total_bytes,
			  uint8_t ret_bytes[static BUNDLE_HEADER_SIZE]);
void bundle_frame_encode(const struct bundle_frame *frame,
			 uint8_t ret_bytes[static BUNDLE_FRAME_ENTRY_SIZE]);

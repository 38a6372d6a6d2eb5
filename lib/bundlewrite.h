/* SPDX-License-Identifier: MIT */
#pragma once
/* Bundle writer: measures images and writes them, with their signed manifest, into one file. */

#include <glib.h>
#include <stdio.h>

#include "bundle.h"
#include "manifest.h"

/* An image on the build machine. */
struct bundlewrite_image {
	const char *name; /* "root", "uki" */
	const char *path;
	struct manifest_image *image; /* superblock's salt and UUID are given, the rest is found */
};

/* Fills size, block count and root hash. FAULT_BUILD_INPUT, FAULT_VERITREE_RANGE. */
gboolean bundlewrite_measure(const struct bundlewrite_image *image, GError **error);

/* A section to be: its name, kind and base are given; its bytes stand in memory or in a file. */
struct bundlewrite_part {
	struct bundle_section section; /* offset and size are found, */
	GBytes *bytes;                 /* and their checksum; or NULL: */
	FILE *file;                    /* from its start; the checksum is the given one */
};

/* A list of parts that owns them. */
GPtrArray *bundlewrite_parts_new(void);
/* Takes `bytes` or `file`; `base` is a root hash, or NULL. */
void bundlewrite_part_add(GPtrArray *parts, const struct bundle_section *section, GBytes *bytes,
			  FILE *file);

struct bundlewrite_options {
	int level;             /* zstd, 1..19; 0: blocks are stored as they are */
	uint32_t frame_blocks; /* 1..FRAMEINDEX_BLOCKS_MAX */
};

/* Adds the parts of the full payloads. */
gboolean bundlewrite_full(const struct bundlewrite_options *options,
			  const struct bundlewrite_image *images, unsigned count, GPtrArray *parts,
			  GError **error);

/* Writes the bundle beside the output's place, flushes, and renames it. Parts are ordered as a
 * stream needs them: tables before frames, deltas before full payloads. The same input gives the
 * same bytes. */
gboolean bundlewrite_assemble(const char *output, GBytes *manifest, GBytes *signature,
			      GPtrArray *parts, GError **error);

/* Writes the bundle `input` anew, with a repository's metadata (metapack.h) in front of its other
 * sections, instead of any that it carried. Its signature stays what it was, and is not looked at.
 * FAULT_BUILD_INPUT, FAULT_BUILD_OUTPUT, FAULT_BUNDLE_. */
gboolean bundlewrite_carry(const char *input, GBytes *metadata, const char *output, GError **error);

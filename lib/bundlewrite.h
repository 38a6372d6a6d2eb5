/* SPDX-License-Identifier: MIT */
#pragma once
/* Bundle writer: measures images and writes them, with their signed manifest, into one file. */

#include <glib.h>

#include "manifest.h"

/* An image on the build machine. */
struct bundlewrite_image {
	const char *name; /* "root", "uki" */
	const char *path;
	struct manifest_image *image; /* superblock's salt and UUID are given, the rest is found */
};

/* Fills size, block count and root hash. FAULT_BUILD_INPUT, FAULT_VERITREE_RANGE. */
gboolean bundlewrite_measure(const struct bundlewrite_image *image, GError **error);

struct bundlewrite_options {
	const char *output;
	const char *key;         /* PEM */
	const char *certificate; /* PEM, chain behind it */
	int level;               /* zstd, 1..19 */
};

/* Writes the bundle of measured images beside the output's place, flushes, and renames it. The
 * same input gives the same bytes but for the signature (its time, and ECDSA's random number). */
gboolean bundlewrite_build(const struct bundlewrite_options *options,
			   const struct manifest *manifest, const struct bundlewrite_image *images,
			   unsigned count, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Payloads of a full bundle, read to their last block, each block checked. */

#include <stdio.h>

#include "bundle.h"

/* FAULT_BUNDLE_READ names the file. */
struct source *payload_source(const char *path, GError **error);

/* Reads all blocks of a payload ("root", "uki"); writes them to `to`, unless that is NULL. */
gboolean payload_walk(const struct bundle *bundle, const char *name, FILE *to, GError **error);

/* Adds a section as it is, with its checksum, to the parts of another bundle (bundlewrite.h). */
gboolean payload_section_add(const struct bundle *bundle, const struct bundle_section *section,
			     GPtrArray *parts, GError **error);

/* The image in the manifest. */
const struct manifest_image *payload_image(const struct bundle *bundle, const char *name);

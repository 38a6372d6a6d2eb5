/* SPDX-License-Identifier: MIT */
#pragma once
/* Companions: an image of the new release that a device has made when it makes another one. An
 * initrd in a UKI has hundreds of files that the root image has as well; what came with the one
 * need not come with the other again. */

#include "deltacontent.h"

/* Opens the image, and adds its files to the objects of a base that is split, with extents behind
 * it. No path leads to them. FAULT_BUILD_INPUT. */
gboolean deltacompanion_add(struct deltacontent *base, const char *path, GError **error);
/* The end of the base with its companion, if it has one. */
uint64_t deltacompanion_end(const struct deltacontent *base);

/* The companion's files by what they hold. The caller unrefs. */
GHashTable *deltacompanion_table(const struct deltacontent *base);
/* Which of them has the same bytes as this object, but for zeros at either's end. */
gboolean deltacompanion_find(GHashTable *table, const struct deltacontent *new_content,
			     uint32_t number, uint32_t *ret_object);

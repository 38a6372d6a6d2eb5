/* SPDX-License-Identifier: MIT */
#pragma once
/* Root images out of libostree's commits. */

#include <glib.h>

#include "erofswrite.h"
#include "ostreetree.h"

/* Writes the tree's image to `fd`, a new file; `content` writes the content of files. */
gboolean image_write_with(const struct ostreetree *tree, erofswrite_content content,
			  gpointer user_data, int fd, GError **error);
/* Writes the image into a file without a name in the folder of `near`; -1 on failure. The
 * caller closes. */
int image_make(struct ostreetree *tree, const char *near, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* FEC of an image on the build machine, where image and tree do not stand in a slot. */

#include <glib.h>

#include "manifest.h"

/* Fills image->fec: `roots`, and what the parity of the file's image then must be. The image is
 * measured already. Takes memory for the tree, 0.8 % of the image.
 * FAULT_FECLAYOUT_ROOTS; FAULT_BUILD_INPUT: the file cannot be read, or is not that image. */
gboolean fecmeasure_file(const char *path, struct manifest_image *image, unsigned roots,
			 GError **error);

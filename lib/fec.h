/* SPDX-License-Identifier: MIT */
#pragma once
/* FEC: parity behind an image's tree, out of which the kernel mends blocks that a disk has lost.
 *
 * It would be 0.8 % of the image in every download, so machines make it themselves. The manifest
 * signs it as it does images: by the root of a tree over its blocks, without a salt. */

#include <gio/gio.h>
#include <glib.h>

#include "disk.h"
#include "feclayout.h"
#include "manifest.h"

/* Reads `count` blocks that stand side by side in the slot, from `block` on: data or tree. The
 * address is a multiple of 4096. */
typedef gboolean (*fec_read)(gpointer user_data, uint64_t block, uint8_t *ret_bytes, size_t count,
			     GError **error);
/* Takes whole blocks of parity, in their order. */
typedef gboolean (*fec_sink)(gpointer user_data, const uint8_t *bytes, size_t size_bytes,
			     GError **error);

struct fec_encode {
	const struct feclayout *layout;
	fec_read read;
	fec_sink sink;
	gpointer user_data;        /* of both */
	GCancellable *cancellable; /* may be NULL */
};

/* Makes all the parity of an image, which is read once, in runs of up to 1 MiB. Takes up to 6 MiB
 * of memory, whatever the image's size. *ret_root_hash: as the manifest has it.
 * FAULT_CONVERGE_CANCELLED, and what `read` and `sink` fail with. */
gboolean fec_encode(const struct fec_encode *encode,
		    uint8_t ret_root_hash[static VERITREE_HASH_SIZE], GError **error);

/* An image that stands at the start of a disk with its tree. */
struct fec_place {
	struct disk *disk;
	const struct manifest_image *image; /* its fec.roots are not 0 */
	struct feclayout layout;
	GCancellable *cancellable; /* may be NULL */
	uint64_t written_bytes;    /* counted up */
};

/* FAULT_PART_SMALL if image, tree and parity do not fit the disk. */
gboolean fec_place_init(struct fec_place *place, struct disk *disk,
			const struct manifest_image *image, GError **error);

/* Makes the parity be what the manifest signs, and reads it back from the medium; nothing is
 * written if it is so already. Data and tree must be right: FAULT_FEC_PARITY if they do not give
 * the signed parity. */
gboolean fec_write(struct fec_place *place, GError **error);

/* Reads the parity, and nothing else, from the medium. FAULT_FEC_PARITY if it is wrong. */
gboolean fec_verify(const struct fec_place *place, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Slot store: what stands in a boot partition: header, UKI with its tree, manifest, signature. */

#include <glib.h>

#include "boothead.h"
#include "layout.h"
#include "manifest.h"

struct slotstore {
	struct boothead head;
	struct manifest *manifest; /* NULL where it cannot be read; its signature is not
					 * verified here: the kernel enforces what matters */
};
typedef struct slotstore Slotstore; /* for g_autoptr() only */

enum { SLOTSTORE_UKI_OFFSET = BOOTHEAD_SIZE };

/* NULL with the fault of boothead_decode() or of the disk. */
struct slotstore *slotstore_read(const struct layout_part *part, GError **error);
void slotstore_free(struct slotstore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Slotstore, slotstore_free)

/* The exact bytes of manifest and signature, where the header says that they are. */
gboolean slotstore_signed_read(const struct layout_part *part, const struct boothead *head,
			       GBytes **ret_manifest, GBytes **ret_signature, GError **error);

/* Wipes the header, flushed: from now on the slot is incomplete. */
gboolean slotstore_wipe(struct disk *disk, GError **error);

/* Writes manifest and signature behind the UKI's tree, flushes, then the header, flushes, and
 * reads all of them back. `uki_blocks` counts the UKI's data, superblock and tree. */
gboolean slotstore_finish(struct disk *disk, const struct manifest *manifest,
			  GBytes *manifest_bytes, GBytes *signature, uint64_t uki_blocks,
			  uint64_t staged_sequence, GError **error);

/* Bytes that a boot partition needs for such a release. */
uint64_t slotstore_size(uint64_t uki_blocks, size_t manifest_size, size_t signature_size);

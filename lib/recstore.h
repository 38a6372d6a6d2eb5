/* SPDX-License-Identifier: MIT */
#pragma once
/* Record store: the boot record on its disk, in two copies. */

#include <glib.h>

#include "bootrec.h"
#include "disk.h"

/* FAULT_BOOTREC_LOST, FAULT_BOOTREC_LATER, or a disk fault. A copy that cannot be read counts as
 * unreadable, not as the end. */
gboolean recstore_load(struct disk *disk, struct bootrec *ret_rec, GError **error);

/* Stores it over the copy that is not the valid one, with the next sequence, flushes, and reads
 * it back from the medium. On failure the record on the disk is the old one or the new one. Refused
 * if the disk has a later one than `rec` was made from: another writer's step must not be lost,
 * nor a sound record to one that was made from the headers while it could not be read. */
gboolean recstore_save(struct disk *disk, struct bootrec *rec, GError **error);

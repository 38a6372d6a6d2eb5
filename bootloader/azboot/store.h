/* SPDX-License-Identifier: MIT */
#pragma once
/* Store: the boot record on its partition. */

#include <stdbool.h>

#include "bootrec.h"
#include "disk.h"

struct store {
	struct partition partition;
	struct bootrec rec; /* as it stands on the disk */
	unsigned copy;      /* the copy it stands in */
	bool is_writable;
};

/* FAULT_OK: *ret_table is the record's. FAULT_BOOTREC_LOST: neither copy is a record; the store can
 * be written after store_begin(). FAULT_BOOTREC_READ, FAULT_BOOTREC_LATER: the record cannot be
 * known, and must not be overwritten: store_save() will refuse. */
fault store_load(struct store *store, struct slot_table *ret_table);

/* A new record, in place of a lost one: saved as copy 0, with a sequence above `sequence`. */
void store_begin(struct store *store, uint64_t sequence);

/* Writes the other copy, flushes, reads it back. FAULT_BOOTREC_WRITE: it may be there or not. */
fault store_save(struct store *store, const struct slot_table *table);

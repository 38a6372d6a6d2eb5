/* SPDX-License-Identifier: MIT */
#pragma once
/* Boot record: the slot table as it stands on the azstate partition, in two copies.
 *
 * Writing goes to the copy that is *not* the valid one, with the sequence one higher; reading
 * takes the valid copy with the higher sequence. A torn write thus leaves the old record.
 * The bytes are described in bootrec.c and docs/FORMATS.md. */

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"

enum {
	BOOTREC_SIZE = 4096, /* of one copy */
	BOOTREC_COPIES = 2,
	BOOTREC_FORMAT = 1, /* what this code writes and reads */
};

struct bootrec {
	uint64_t sequence;
	struct slot_table table;
	/* The block it was read from: fields of a later format are carried over from here. */
	uint8_t bytes[BOOTREC_SIZE];
};

/* A record that never was on a disk: sequence 0, both slots empty. */
void bootrec_init(struct bootrec *rec);

/* Reads one copy. FAULT_BOOTREC_MAGIC, _CHECKSUM, _RANGE: not a record. FAULT_BOOTREC_LATER: a
 * sound record that this code must neither believe nor overwrite. */
fault bootrec_decode(const uint8_t bytes[static BOOTREC_SIZE], struct bootrec *ret_rec);

/* Renders `rec`; unknown later fields of rec->bytes are kept. */
void bootrec_encode(const struct bootrec *rec, uint8_t ret_bytes[static BOOTREC_SIZE]);

/* The valid copy with the higher sequence (of equal ones copy 0), and its number.
 * FAULT_BOOTREC_LOST if neither copy is a record. FAULT_BOOTREC_LATER if any copy is of a later
 * format, since the sound older copy beside it would undo what the later release decided. */
fault bootrec_pick(const uint8_t bytes[static BOOTREC_COPIES * BOOTREC_SIZE],
		   struct bootrec *ret_rec, unsigned *ret_copy);

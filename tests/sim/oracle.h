/* SPDX-License-Identifier: MIT */
#pragma once
/* Oracle: what stands on a medium, read by the letter of docs/FORMATS.md and by none of the code
 * under test: its own CRC, its own offsets, and every byte compared with what was released. */

#include "belief.h"
#include "medium.h"

enum oracle_state { /* as in the record */
		    ORACLE_EMPTY,
		    ORACLE_STAGED,
		    ORACLE_TRYING,
		    ORACLE_GOOD,
		    ORACLE_BAD
};

struct oracle_slot {
	unsigned state;
	unsigned tries;
	unsigned failures;
	const uint8_t *root_hash;
};

struct oracle_record {
	bool valid;
	uint64_t sequence;
	struct oracle_slot slots[2];
};

struct oracle_record oracle_record(const struct medium *medium);
/* The version that a slot can start and run: header, UKI, root image and tree; 0: none. */
unsigned oracle_boots(const struct medium *medium, unsigned slot);
/* The same, and everything else of it is there too: trees, manifest, signature, parity. */
unsigned oracle_whole(const struct medium *medium, unsigned slot);
/* Slots that the record calls staged, on trial or good hold what it says. */
bool oracle_record_is_true(const struct medium *medium);
/* Where a sound header stands, a whole release stands with it. */
bool oracle_headers_are_true(const struct medium *medium);
/* What is about to start is not on trial, or its try is counted on this medium. */
bool oracle_try_is_spent(const struct medium *medium, unsigned slot, const struct belief *belief,
			 unsigned version);

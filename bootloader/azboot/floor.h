/* SPDX-License-Identifier: MIT */
#pragma once
/* Floor: the lowest security version that may boot, in the variable AzbootFloor.
 *
 * The variable has no runtime access, so the running system can neither read, change nor delete
 * it; only programs that Secure Boot admits can. A variable of that name *with* runtime access was
 * made by the running system and is no floor: it is read as 0. That loses nothing, because firmware
 * does not let the system put it in the place of the real one; and to obey it would let the system
 * lock its owner out. */

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"

/* FLOOR_UNREADABLE: firmware holds a floor and does not give it, or it has another form. Nothing
 * may boot then, since every release could be a revoked one. */
static const uint64_t FLOOR_UNREADABLE = UINT64_MAX;

uint64_t floor_read(void);

/* Pure. The floor after `verified`, the security version of a UKI that firmware admitted from slot
 * `index`: what the record requests, but never so high that a slot which should stay bootable is
 * locked out, and never from a slot that is not committed. The record is untrusted: its versions
 * can only lower the result, since `verified` caps it. */
uint64_t floor_after(const struct slot_table *table, unsigned index, uint64_t verified,
		     uint64_t floor);

/* Whether Secure Boot is on: without it nobody vouches for what a program says of itself. */
bool floor_is_vouched(void);

/* Stores a raised floor, if it is vouched for. */
void floor_write(uint64_t floor);

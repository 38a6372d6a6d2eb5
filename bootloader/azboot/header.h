/* SPDX-License-Identifier: MIT */
#pragma once
/* Headers: what the boot partitions say they hold. */

#include "boothead.h"
#include "disk.h"

fault header_read(const struct partition *partition, struct boothead *ret_head);

/* A slot table out of the headers alone. *ret_sequence is the highest that a slot was staged at. */
struct slot_table header_recover(const struct partition slots[static SLOT_COUNT],
				 uint64_t *ret_sequence);

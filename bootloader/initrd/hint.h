/* SPDX-License-Identifier: MIT */
#pragma once
/* Hints: what the boot program left in EFI variables about the slot that it started. Anyone who
 * can write variables can lie here, so a hint only decides where to look first. */

#include "partition.h"
#include "slot.h"

struct hint {
	unsigned slot;                       /* SLOT_NONE: not told */
	char boot_uuid[PARTITION_GUID_SIZE]; /* of a partition of the booted disk; "": not told */
};

/* Never fails: without EFI there are no hints. */
void hint_read(struct hint *ret_hint);

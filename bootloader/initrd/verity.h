/* SPDX-License-Identifier: MIT */
#pragma once
/* Verity: the kernel's device that gives a root image's blocks only if they are right. */

#include <stdint.h>

#include "fault.h"
#include "veritree.h"

/* Makes /dev/mapper/NAME; a wrong block then is a kernel panic. Everything is taken from the
 * superblock that was checked, and nothing is read from the disk again. FAULT_ROOT_VERITY. */
fault verity_activate(const char *device, const char *name,
		      const struct veritree_superblock *superblock,
		      const uint8_t root_hash[static VERITREE_HASH_SIZE]);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Root image: whether a partition holds the image whose root hash is signed.
 *
 * This looks at the superblock and the top of the tree only, which is enough to tell images
 * apart; every other block is checked by the kernel when it is read. */

#include <stdint.h>

#include "fault.h"
#include "veritree.h"

/* FAULT_PART_SMALL: image and tree do not fit into `size_bytes`. FAULT_DISK_READ.
 * FAULT_VERITREE_SUPERBLOCK: none where it should be. FAULT_ROOT_OTHER: another image. */
fault rootimage_check(int fd, uint64_t size_bytes, uint64_t data_blocks,
		      const uint8_t root_hash[static VERITREE_HASH_SIZE],
		      struct veritree_superblock *ret_superblock);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Verity: the kernel's device that gives a root image's blocks only if they are right. */

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "veritree.h"

/* Image and tree at the start of a device, parity behind them. */
struct verity_image {
	const char *device;
	const struct veritree_superblock *superblock;
	const uint8_t *root_hash; /* VERITREE_HASH_SIZE */
	unsigned fec_roots;       /* 0: no parity */
	const uint8_t *signature; /* of the root hash: rootsig.h */
	size_t signature_size;    /* 0: none */
};

/* Makes /dev/mapper/NAME; a wrong block that parity cannot mend then is a kernel panic. Everything
 * is taken from the superblock that was checked, and nothing is read from the disk again. Where
 * the kernel does not take the parity or the signature, it is told, and the image starts without
 * (verityplan.h). FAULT_ROOT_VERITY, FAULT_ROOT_SIGNATURE. */
fault verity_activate(const struct verity_image *image, const char *name);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Image: the UKI of a slot, from the raw partition into memory and through Secure Boot. */

#include <stdint.h>

#include "disk.h"
#include "slot.h"

struct image {
	uint8_t *bytes;
	uint64_t size_bytes;
	uint64_t page_count;
	efi_handle handle;         /* NULL before image_load() */
	uint64_t security_version; /* after image_load() */
	unsigned watchdog_s;       /* the same: what its command line asks for, or 0 */
};

/* Reads what the partition's header names. FAULT_BOOT_PARTITION, FAULT_BOOT_READ,
 * FAULT_BOOT_MEMORY, FAULT_BOOTHEAD_*, and FAULT_SLOT_MISMATCH if the header is that of another
 * release than `slot`: a record that fell behind must not pass off a new release as the old one. */
fault image_read(const struct partition *partition, const struct slot *slot,
		 struct image *ret_image);

/* Lets the firmware verify and load those very bytes, then holds the security version in them
 * against the floor. FAULT_BOOT_DENIED, FAULT_BOOT_LOAD, FAULT_BOOT_FLOOR, FAULT_PE_*,
 * FAULT_OSREL_NUMBER. */
fault image_load(struct image *image, efi_handle self, const struct partition *partition,
		 uint64_t floor);

/* Comes back only with a fault: FAULT_BOOT_DENIED, FAULT_BOOT_START. */
fault image_start(struct image *image);

/* Gives the memory back; what image_load() loaded stays until image_start() ends. */
void image_release(struct image *image);

/* Unloads what was loaded and not started. */
void image_unload(struct image *image);

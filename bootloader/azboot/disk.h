/* SPDX-License-Identifier: MIT */
#pragma once
/* Disk: the partitions of the disk that azboot was started from, and of no other disk.
 *
 * A partition is found by its GPT label and type together (lib/core/parts.h). Needs
 * EFI_PARTITION_INFO_PROTOCOL, that is UEFI 2.7. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "efi.h"
#include "fault.h"

enum {
	DISK_ALIGN = 4096, /* offsets, sizes and buffers are multiples of it */
	DISK_GUID_SIZE = 16,
};

struct disk {
	const struct efi_device_path *path; /* starts with the disk's own path, */
	size_t path_size_bytes;             /* which is so long */
	const uint8_t *esp_guid;            /* DISK_GUID_SIZE bytes: the partition of azboot */
};

/* `io` is NULL if there is no such partition; reading and writing it then fails. */
struct partition {
	struct efi_block_io *io;
	const struct efi_device_path *path;
	uint64_t size_bytes;
};

/* FAULT_BOOT_PARTITION: azboot was not started from a partition of a disk with a GPT. */
fault disk_init(efi_handle image, struct disk *ret_disk);

/* FAULT_BOOT_PARTITION: there is none, or there are several, or its blocks do not divide
 * DISK_ALIGN. *ret_partition can be used all the same. */
fault disk_find(const struct disk *disk, const char *label,
		const uint8_t type[static DISK_GUID_SIZE], struct partition *ret_partition);

/* `size_bytes` may be any; the buffer has room for it rounded up to DISK_ALIGN. */
bool partition_read(const struct partition *partition, uint64_t offset, uint64_t size_bytes,
		    void *to);

/* Written and flushed. */
bool partition_write(const struct partition *partition, uint64_t offset, uint64_t size_bytes,
		     const void *from);

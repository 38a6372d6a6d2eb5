/* SPDX-License-Identifier: MIT */
#pragma once
/* Partitions: those of all GPT disks that the kernel shows, as the disks themselves say. */

#include <stdbool.h>
#include <stdint.h>

enum {
	PARTITION_COUNT_MAX = 256,
	PARTITION_DEVICE_SIZE = 64,
	PARTITION_LABEL_SIZE = 40,
	PARTITION_GUID_SIZE = 37, /* text with NUL */
};

struct partition {
	char device[PARTITION_DEVICE_SIZE]; /* "/dev/vda5" */
	char disk[PARTITION_DEVICE_SIZE];   /* "/dev/vda" */
	char label[PARTITION_LABEL_SIZE];
	char type[PARTITION_GUID_SIZE];
	char uuid[PARTITION_GUID_SIZE];
	uint64_t size_bytes;
};

struct partition_list {
	unsigned count;
	struct partition items[PARTITION_COUNT_MAX];
};

void partition_scan(struct partition_list *ret_list);

bool partition_is(const struct partition *partition, const char *label, const char *type);

/* The first of that label and type on `disk` (NULL: on any disk), or NULL. */
const struct partition *partition_find(const struct partition_list *list, const char *disk,
				       const char *label, const char *type);

/* The disk of the partition with that UUID, or NULL. */
const char *partition_disk_of(const struct partition_list *list, const char *uuid);

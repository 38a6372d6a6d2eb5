/* SPDX-License-Identifier: MIT */
#include "partition.h"

#include <blkid/blkid.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SECTOR_SIZE = 512, DISK_NAME_MAX = 31 };

static void text_copy(char *ret_text, size_t size_bytes, const char *text)
{
	snprintf(ret_text, size_bytes, "%s", text == NULL ? "" : text);
}

/* Disks whose name ends in a digit have a "p" before the number: nvme0n1p5, but vda5. */
static void device_name(const char *disk, int number, char ret_name[static PARTITION_DEVICE_SIZE])
{
	const char last = disk[strlen(disk) - 1];

	snprintf(ret_name, PARTITION_DEVICE_SIZE, "%.*s%s%d", DISK_NAME_MAX, disk,
		 isdigit((unsigned char)last) ? "p" : "", number);
}

static bool partition_fill(const char *disk, blkid_partition part, struct partition *ret_partition)
{
	char name[PARTITION_DEVICE_SIZE];
	char path[PARTITION_DEVICE_SIZE + 32];

	device_name(disk, blkid_partition_get_partno(part), name);
	snprintf(path, sizeof path, "/sys/class/block/%s", name);
	/* The kernel may not have told of this partition yet: the next scan will show it. */
	if (access(path, F_OK) != 0)
		return false;
	snprintf(ret_partition->device, sizeof ret_partition->device, "/dev/%.50s", name);
	snprintf(ret_partition->disk, sizeof ret_partition->disk, "/dev/%.*s", DISK_NAME_MAX, disk);
	text_copy(ret_partition->label, PARTITION_LABEL_SIZE, blkid_partition_get_name(part));
	text_copy(ret_partition->type, PARTITION_GUID_SIZE, blkid_partition_get_type_string(part));
	text_copy(ret_partition->uuid, PARTITION_GUID_SIZE, blkid_partition_get_uuid(part));
	ret_partition->size_bytes = (uint64_t)blkid_partition_get_size(part) * SECTOR_SIZE;
	return true;
}

static void table_scan(const char *disk, blkid_partlist table, struct partition_list *list)
{
	const int count = blkid_partlist_numof_partitions(table);

	for (int i = 0; i < count && list->count < PARTITION_COUNT_MAX; i++) {
		blkid_partition part = blkid_partlist_get_partition(table, i);

		if (part != NULL && partition_fill(disk, part, &list->items[list->count]))
			list->count++;
	}
}

static void disk_scan(const char *disk, struct partition_list *list)
{
	char path[PARTITION_DEVICE_SIZE];
	blkid_partlist table;
	blkid_parttable kind;
	blkid_probe probe;

	snprintf(path, sizeof path, "/dev/%.*s", DISK_NAME_MAX, disk);
	probe = blkid_new_probe_from_filename(path);
	if (probe == NULL)
		return;
	table = blkid_probe_get_partitions(probe);
	kind = table == NULL ? NULL : blkid_partlist_get_table(table);
	if (kind != NULL && strcmp(blkid_parttable_get_type(kind), "gpt") == 0)
		table_scan(disk, table, list);
	blkid_free_probe(probe);
}

/* Real disks hang on a device; loop, ram and device-mapper disks do not. */
static bool disk_is_real(const char *name)
{
	char path[PARTITION_DEVICE_SIZE];

	snprintf(path, sizeof path, "/sys/block/%.*s/device", DISK_NAME_MAX, name);
	return strlen(name) <= DISK_NAME_MAX && access(path, F_OK) == 0;
}

void partition_scan(struct partition_list *ret_list)
{
	DIR *folder = opendir("/sys/block");
	struct dirent *entry;

	ret_list->count = 0;
	if (folder == NULL)
		return;
	for (entry = readdir(folder); entry != NULL; entry = readdir(folder))
		if (entry->d_name[0] != '.' && disk_is_real(entry->d_name))
			disk_scan(entry->d_name, ret_list);
	closedir(folder);
}

bool partition_is(const struct partition *partition, const char *label, const char *type)
{
	return strcmp(partition->label, label) == 0 && strcasecmp(partition->type, type) == 0;
}

const struct partition *partition_find(const struct partition_list *list, const char *disk,
				       const char *label, const char *type)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct partition *partition = &list->items[i];

		if (partition_is(partition, label, type) &&
		    (disk == NULL || strcmp(partition->disk, disk) == 0))
			return partition;
	}
	return NULL;
}

const char *partition_disk_of(const struct partition_list *list, const char *uuid)
{
	for (unsigned i = 0; i < list->count; i++)
		if (uuid[0] != '\0' && strcasecmp(list->items[i].uuid, uuid) == 0)
			return list->items[i].disk;
	return NULL;
}

/* SPDX-License-Identifier: MIT */
#include "faultnote.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "bootrec.h"
#include "parts.h"

/* The record of the booted disk; where that is not known, the only one there is. */
static const struct partition *azstate_find(const struct partition_list *list,
					    const struct hint *hint)
{
	const char *disk = partition_disk_of(list, hint->boot_uuid);
	const struct partition *found = NULL;

	if (disk != NULL)
		return partition_find(list, disk, PARTS_LABEL_AZSTATE, PARTS_TYPE_AZSTATE);
	for (unsigned i = 0; i < list->count; i++) {
		if (!partition_is(&list->items[i], PARTS_LABEL_AZSTATE, PARTS_TYPE_AZSTATE))
			continue;
		if (found != NULL)
			return NULL;
		found = &list->items[i];
	}
	return found;
}

/* Zeros are no record, so an unreadable copy is an invalid one. */
static void copies_read(int fd, uint8_t *ret_copies)
{
	for (unsigned i = 0; i < BOOTREC_COPIES; i++) {
		uint8_t *copy = ret_copies + (size_t)i * BOOTREC_SIZE;

		if (pread(fd, copy, BOOTREC_SIZE, (off_t)i * BOOTREC_SIZE) != BOOTREC_SIZE)
			memset(copy, 0, BOOTREC_SIZE);
	}
}

/* Like everybody who writes the record: into the copy that is not the valid one, then flush. */
static bool record_note(int fd, unsigned hinted_slot, fault why)
{
	uint8_t copies[BOOTREC_COPIES * BOOTREC_SIZE];
	uint8_t bytes[BOOTREC_SIZE];
	struct bootrec rec;
	unsigned copy;
	unsigned slot;

	copies_read(fd, copies);
	if (bootrec_pick(copies, &rec, &copy) != FAULT_OK)
		return false;
	slot = hinted_slot == SLOT_NONE ? rec.table.last : hinted_slot;
	if (slot >= SLOT_COUNT || slot_note_fault(&rec.table, slot, why) != FAULT_OK)
		return false;
	rec.sequence++;
	bootrec_encode(&rec, bytes);
	copy = (copy + 1) % BOOTREC_COPIES;
	return pwrite(fd, bytes, sizeof bytes, (off_t)copy * BOOTREC_SIZE) ==
		       (ssize_t)sizeof bytes &&
	       fsync(fd) == 0;
}

bool faultnote_store(const struct hint *hint, fault why)
{
	static struct partition_list list;
	const struct partition *azstate;
	bool stored;
	int fd;

	partition_scan(&list);
	azstate = azstate_find(&list, hint);
	if (azstate == NULL)
		return false;
	fd = open(azstate->device, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	stored = record_note(fd, hint->slot, why);
	close(fd);
	return stored;
}

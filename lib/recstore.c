/* SPDX-License-Identifier: MIT */
#include "recstore.h"

#include <string.h>

#include "failure.h"

static void copies_read(struct disk *disk, uint8_t *ret_bytes)
{
	for (unsigned i = 0; i < BOOTREC_COPIES; i++) {
		const size_t at = (size_t)i * BOOTREC_SIZE;

		/* Zeros are no record, so an unreadable copy is an invalid one. */
		if (!disk_read_medium(disk, at, ret_bytes + at, BOOTREC_SIZE, NULL))
			memset(ret_bytes + at, 0, BOOTREC_SIZE);
	}
}

static fault copies_pick(struct disk *disk, struct bootrec *ret_rec, unsigned *ret_copy)
{
	uint8_t *bytes = g_aligned_alloc(BOOTREC_COPIES, BOOTREC_SIZE, BOOTREC_SIZE);
	fault why;

	copies_read(disk, bytes);
	why = bootrec_pick(bytes, ret_rec, ret_copy);
	g_aligned_free(bytes);
	return why;
}

gboolean recstore_load(struct disk *disk, struct bootrec *ret_rec, GError **error)
{
	unsigned copy;
	const fault why = copies_pick(disk, ret_rec, &copy);

	if (why == FAULT_BOOTREC_LATER)
		return failure_set(error, why,
				   "the boot record on %s was written by a later release",
				   disk->name);
	if (why != FAULT_OK)
		return failure_set(error, why, "neither copy of the boot record on %s is readable",
				   disk->name);
	return TRUE;
}

static gboolean copy_write(struct disk *disk, unsigned copy, const uint8_t *bytes, GError **error)
{
	const uint64_t offset = (uint64_t)copy * BOOTREC_SIZE;
	uint8_t *back;
	gboolean same;

	if (!disk_write(disk, offset, bytes, BOOTREC_SIZE, error) || !disk_flush(disk, error))
		return FALSE;
	back = g_aligned_alloc(1, BOOTREC_SIZE, BOOTREC_SIZE);
	same = disk_read_medium(disk, offset, back, BOOTREC_SIZE, NULL) &&
	       memcmp(back, bytes, BOOTREC_SIZE) == 0;
	g_aligned_free(back);
	if (!same)
		return failure_set(error, FAULT_BOOTREC_WRITE,
				   "the boot record on %s reads back differently", disk->name);
	return TRUE;
}

gboolean recstore_save(struct disk *disk, struct bootrec *rec, GError **error)
{
	struct bootrec current;
	unsigned copy = BOOTREC_COPIES - 1;
	uint8_t bytes[BOOTREC_SIZE];
	const fault why = copies_pick(disk, &current, &copy);

	if (why == FAULT_BOOTREC_LATER)
		return failure_set(error, why,
				   "the boot record on %s was written by a later release",
				   disk->name);
	if (why == FAULT_OK && current.sequence > rec->sequence)
		return failure_set(error, FAULT_BOOTREC_WRITE,
				   "the boot record on %s was changed meanwhile", disk->name);
	/* The last sequence can have no successor: one that starts anew would be the older. */
	if (rec->sequence == UINT64_MAX)
		return failure_set(error, FAULT_BOOTREC_WRITE,
				   "the boot record on %s has the last sequence", disk->name);
	rec->sequence++;
	bootrec_encode(rec, bytes);
	return copy_write(disk, 1 - copy, bytes, error);
}

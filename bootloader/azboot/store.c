/* SPDX-License-Identifier: MIT */
#include "store.h"

#include "bytes.h"
#include "check.h"

_Static_assert((int)BOOTREC_SIZE % (int)DISK_ALIGN == 0, "a copy never shares a block");

/* Block I/O wants aligned buffers; azboot does one thing at a time. */
static _Alignas(DISK_ALIGN) uint8_t copies[BOOTREC_COPIES * BOOTREC_SIZE];
static _Alignas(DISK_ALIGN) uint8_t written[BOOTREC_SIZE];

/* A copy that cannot be read is no record; the other may still be one. */
static bool store_read_copies(const struct partition *partition)
{
	bool any = false;

	for (unsigned i = 0; i < BOOTREC_COPIES; i++) {
		uint8_t *copy = copies + (size_t)i * BOOTREC_SIZE;

		if (partition_read(partition, (uint64_t)i * BOOTREC_SIZE, BOOTREC_SIZE, copy))
			any = true;
		else
			bytes_fill(copy, 0, BOOTREC_SIZE);
	}
	return any;
}

fault store_load(struct store *store, struct slot_table *ret_table)
{
	fault why;

	store->is_writable = false;
	if (!store_read_copies(&store->partition))
		return FAULT_BOOTREC_READ;
	why = bootrec_pick(copies, &store->rec, &store->copy);
	if (why != FAULT_OK)
		return why;
	store->is_writable = true;
	*ret_table = store->rec.table;
	return FAULT_OK;
}

void store_begin(struct store *store, uint64_t sequence)
{
	bootrec_init(&store->rec);
	store->rec.sequence = sequence;
	store->copy = 1;
	store->is_writable = true;
}

fault store_save(struct store *store, const struct slot_table *table)
{
	const unsigned copy = (store->copy + 1) % BOOTREC_COPIES;
	const uint64_t offset = (uint64_t)copy * BOOTREC_SIZE;
	const uint64_t sequence = store->rec.sequence;

	/* The last sequence can have no successor: whoever wrote it did not want it counted. */
	if (!store->is_writable || sequence == UINT64_MAX)
		return FAULT_BOOTREC_WRITE;
	store->rec.sequence = sequence + 1;
	store->rec.table = *table;
	bootrec_encode(&store->rec, written);
	if (!partition_write(&store->partition, offset, BOOTREC_SIZE, written) ||
	    !partition_read(&store->partition, offset, BOOTREC_SIZE, copies) ||
	    !bytes_equal(copies, written, BOOTREC_SIZE)) {
		store->rec.sequence = sequence;
		return FAULT_BOOTREC_WRITE;
	}
	store->copy = copy;
	return FAULT_OK;
}

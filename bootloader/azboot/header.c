/* SPDX-License-Identifier: MIT */
#include "header.h"

static _Alignas(DISK_ALIGN) uint8_t block[BOOTHEAD_SIZE];

fault header_read(const struct partition *partition, struct boothead *ret_head)
{
	if (partition->io == NULL)
		return FAULT_BOOT_PARTITION;
	if (!partition_read(partition, 0, BOOTHEAD_SIZE, block))
		return FAULT_BOOT_READ;
	return boothead_decode(block, partition->size_bytes, ret_head);
}

struct slot_table header_recover(const struct partition slots[static SLOT_COUNT],
				 uint64_t *ret_sequence)
{
	struct slot_evidence evidence[SLOT_COUNT] = { 0 };

	*ret_sequence = 0;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct boothead head;

		if (header_read(&slots[i], &head) != FAULT_OK)
			continue;
		evidence[i] = boothead_evidence(&head);
		if (head.staged_sequence > *ret_sequence)
			*ret_sequence = head.staged_sequence;
	}
	return slot_recover(evidence);
}

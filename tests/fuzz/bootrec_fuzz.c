/* SPDX-License-Identifier: MIT */
/* Both control blocks of the disk, and the decision on what they say. */
#include <string.h>

#include "boothead.h"
#include "bootrec.h"
#include "bytes.h"
#include "crc32c.h"
#include "fuzz.h"
#include "veritree.h"

/* Most mutants would end at the checksum: give them a right one, and look behind it. */
static void checksum_renew(uint8_t *bytes)
{
	const uint32_t size_bytes = bytes_load_u32(bytes + 16);

	if (size_bytes >= 12 && size_bytes <= BOOTREC_SIZE)
		bytes_store_u32(bytes + 8, crc32c(bytes + 12, size_bytes - 12));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static uint8_t block[BOOTREC_SIZE];
	static uint8_t again[BOOTREC_SIZE];
	struct bootrec rec;
	struct boothead head;
	struct veritree_superblock superblock;

	memset(block, 0, sizeof block);
	memcpy(block, bytes, size_bytes < sizeof block ? size_bytes : sizeof block);
	checksum_renew(block);
	if (bootrec_decode(block, &rec) == FAULT_OK) {
		(void)slot_choose(&rec.table, SLOT_NONE); /* its checks are what is tested */
		bootrec_encode(&rec, again);
		if (bootrec_decode(again, &rec) != FAULT_OK)
			__builtin_trap();
	}
	(void)boothead_decode(block, 1 << 20, &head);         /* only crashes count */
	(void)veritree_superblock_decode(block, &superblock); /* only crashes count */
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	struct bootrec rec;
	const struct boothead head = {
		.uki_offset = 4096,
		.uki_size = 5000,
		.tree_offset = 16384,
		.manifest_offset = 65536,
		.manifest_size = 9,
		.signature_offset = 69632,
		.signature_size = 9,
		.version = "1",
	};

	if (number == 0) {
		bootrec_init(&rec);
		rec.table.slots[SLOT_A] = (struct slot){ .state = SLOT_GOOD, .priority = 2 };
		rec.table.slots[SLOT_B] = (struct slot){ .state = SLOT_TRYING, .tries_left = 3 };
		bootrec_encode(&rec, ret_bytes);
		return 256;
	}
	if (number == 1) {
		boothead_encode(&head, ret_bytes);
		return 288;
	}
	(void)room; /* both blocks are smaller than any room */
	return 0;
}

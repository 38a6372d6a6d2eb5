/* SPDX-License-Identifier: MIT */
/* Both control blocks of the disk, and the decision on what they say: what is read is written so
 * that it reads the same. */
#include <string.h>

#include "boothead.h"
#include "bootrec.h"
#include "bytes.h"
#include "crc32c.h"
#include "fuzz.h"

/* Most mutants would end at the checksum: give them a right one, and look behind it. */
static void checksum_renew(uint8_t *bytes)
{
	const uint32_t size_bytes = bytes_load_u32(bytes + 16);

	if (size_bytes >= 12 && size_bytes <= BOOTREC_SIZE)
		bytes_store_u32(bytes + 8, crc32c(bytes + 12, size_bytes - 12));
}

enum { PARTITION_SIZE = 1 << 20 };

static bool table_equals(const struct slot_table *a, const struct slot_table *b)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct slot *x = &a->slots[i], *y = &b->slots[i];

		if (x->state != y->state || x->priority != y->priority ||
		    x->tries_left != y->tries_left || x->failures != y->failures ||
		    x->fault != y->fault || x->security_version != y->security_version ||
		    memcmp(x->root_hash, y->root_hash, sizeof x->root_hash) != 0)
			return false;
	}
	return a->once == b->once && a->last == b->last && a->last_fault == b->last_fault &&
	       a->floor_request == b->floor_request && a->recovered == b->recovered;
}

static void head_check(const struct boothead *head)
{
	uint8_t bytes[BOOTHEAD_SIZE];
	uint8_t again[BOOTHEAD_SIZE];
	struct boothead back;

	promise(head->uki_offset + head->uki_size <= PARTITION_SIZE &&
		head->manifest_offset + head->manifest_size <= PARTITION_SIZE &&
		head->signature_offset + head->signature_size <= PARTITION_SIZE &&
		head->tree_offset + 4096 <= PARTITION_SIZE);
	boothead_encode(head, bytes);
	promise(boothead_decode(bytes, PARTITION_SIZE, &back) == FAULT_OK);
	boothead_encode(&back, again);
	promise(memcmp(bytes, again, sizeof bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static uint8_t block[BOOTREC_SIZE];
	static uint8_t again[BOOTREC_SIZE];
	struct bootrec rec, back;
	struct boothead head;

	memset(block, 0, sizeof block);
	memcpy(block, bytes, size_bytes < sizeof block ? size_bytes : sizeof block);
	checksum_renew(block);
	if (bootrec_decode(block, &rec) == FAULT_OK) {
		(void)slot_choose(&rec.table, SLOT_NONE); /* its checks are what is tested */
		bootrec_encode(&rec, again);
		promise(bootrec_decode(again, &back) == FAULT_OK);
		promise(back.sequence == rec.sequence && table_equals(&back.table, &rec.table));
	}
	if (boothead_decode(block, PARTITION_SIZE, &head) == FAULT_OK)
		head_check(&head);
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

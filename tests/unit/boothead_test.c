/* SPDX-License-Identifier: MIT */
#include "boothead.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "tap.h"

enum { PARTITION = 1 << 20 };

static struct boothead head_sample(void)
{
	return (struct boothead){
		.staged_sequence = 3,
		.uki_offset = 4096,
		.uki_size = 100000,
		.tree_offset = 106496,
		.manifest_offset = 131072,
		.manifest_size = 900,
		.signature_offset = 135168,
		.signature_size = 1500,
		.security_version = 4,
		.root_hash = { 1, 2 },
		.uki_root = { 3, 4 },
		.version = "2.0",
	};
}

static void test_round_trip(void)
{
	const struct boothead head = head_sample();
	struct boothead back;
	uint8_t bytes[BOOTHEAD_SIZE];
	uint8_t again[BOOTHEAD_SIZE];

	boothead_encode(&head, bytes);
	expect(boothead_decode(bytes, PARTITION, &back) == FAULT_OK);
	boothead_encode(&back, again);
	expect(memcmp(bytes, again, sizeof bytes) == 0);
	expect(strcmp(back.version, "2.0") == 0 && back.uki_root[1] == 4);
	expect(boothead_evidence(&back).complete && boothead_evidence(&back).staged_sequence == 3);
}

static void test_every_bit(void)
{
	const struct boothead head = head_sample();
	struct boothead back;
	uint8_t bytes[BOOTHEAD_SIZE];

	boothead_encode(&head, bytes);
	for (unsigned bit = 0; bit < 288 * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		expect(boothead_decode(bytes, PARTITION, &back) != FAULT_OK);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static fault decode_of(struct boothead head)
{
	struct boothead back;
	uint8_t bytes[BOOTHEAD_SIZE];

	boothead_encode(&head, bytes);
	return boothead_decode(bytes, PARTITION, &back);
}

static void test_ranges(void)
{
	struct boothead head = head_sample();

	head.uki_offset = 0;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head = head_sample();
	head.uki_offset = 4097;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head = head_sample();
	head.uki_size = PARTITION;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head.uki_size = 0;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head = head_sample();
	head.uki_offset = UINT64_MAX - 4095;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head = head_sample();
	head.manifest_size = BOOTHEAD_MANIFEST_MAX + 1;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head = head_sample();
	head.signature_offset = PARTITION;
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
	head = head_sample();
	memset(head.version, 'x', sizeof head.version);
	expect(decode_of(head) == FAULT_BOOTHEAD_RANGE);
}

static void test_later_and_wiped(void)
{
	const struct boothead head = head_sample();
	struct boothead back;
	uint8_t bytes[BOOTHEAD_SIZE];

	boothead_encode(&head, bytes);
	bytes_store_u16(bytes + 14, 2);
	bytes_store_u32(bytes + 8, crc32c(bytes + 12, 276));
	expect(boothead_decode(bytes, PARTITION, &back) == FAULT_BOOTHEAD_LATER);
	memset(bytes, 0, sizeof bytes);
	expect(boothead_decode(bytes, PARTITION, &back) == FAULT_BOOTHEAD_MAGIC);
}

static const struct tap_case CASES[] = {
	{ "round trip", test_round_trip },
	{ "every bit flipped", test_every_bit },
	{ "ranges outside of the partition", test_ranges },
	{ "later format and wiped", test_later_and_wiped },
};
TAP_MAIN(CASES)

/* SPDX-License-Identifier: MIT */
#include "bootrec.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "tap.h"

static struct bootrec record_sample(uint64_t sequence)
{
	struct bootrec rec;

	bootrec_init(&rec);
	rec.sequence = sequence;
	rec.table.slots[SLOT_A] =
		(struct slot){ SLOT_GOOD, 2, 0, 1, 701, 0x0102030405060708, { 9 } };
	rec.table.slots[SLOT_B] = (struct slot){ SLOT_TRYING, 3, 2, 0, 0, 7, { 1, 2, 3 } };
	rec.table.once = SLOT_B;
	rec.table.last = SLOT_A;
	rec.table.last_fault = 133;
	rec.table.floor_request = 6;
	return rec;
}

static void checksum_renew(uint8_t *bytes)
{
	bytes_store_u32(bytes + 8, crc32c(bytes + 12, bytes_load_u32(bytes + 16) - 12));
}

/* Offsets by hand: the format is a promise to older releases. */
static void test_bytes(void)
{
	const struct bootrec rec = record_sample(0x1122334455667788);
	uint8_t bytes[BOOTREC_SIZE];

	bootrec_encode(&rec, bytes);
	expect(memcmp(bytes, "AZBOOTRC", 8) == 0);
	expect(bytes[12] == 1 && bytes[14] == 1 && bytes_load_u32(bytes + 16) == 256);
	expect(bytes[24] == 0x88 && bytes[31] == 0x11);
	expect(bytes[32] == 1 && bytes[33] == 0 && bytes[36] == 133 && bytes[40] == 6);
	expect(bytes[64] == SLOT_GOOD && bytes[65] == 2 && bytes[67] == 1);
	expect(bytes[68] == (701 & 255) && bytes[72] == 8 && bytes[79] == 1 && bytes[80] == 9);
	expect(bytes[128] == SLOT_TRYING && bytes[130] == 2 && bytes[146] == 3);
	expect(bytes_are_zero(bytes + 192, BOOTREC_SIZE - 192));
	expect(bytes_load_u32(bytes + 8) == crc32c(bytes + 12, 244));
}

static void test_round_trip(void)
{
	const struct bootrec rec = record_sample(77);
	struct bootrec back;
	uint8_t bytes[BOOTREC_SIZE];
	uint8_t again[BOOTREC_SIZE];

	bootrec_encode(&rec, bytes);
	expect(bootrec_decode(bytes, &back) == FAULT_OK);
	expect(back.sequence == 77 && back.table.once == SLOT_B && back.table.floor_request == 6);
	expect(back.table.slots[SLOT_B].tries_left == 2);
	bootrec_encode(&back, again);
	expect(memcmp(bytes, again, sizeof bytes) == 0);
}

/* Every single bit of the used part matters; what is behind it belongs to nobody. */
static void test_every_bit(void)
{
	const struct bootrec rec = record_sample(77);
	struct bootrec back;
	uint8_t bytes[BOOTREC_SIZE];

	bootrec_encode(&rec, bytes);
	for (unsigned bit = 0; bit < BOOTREC_SIZE * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		expect((bootrec_decode(bytes, &back) == FAULT_OK) == (bit >= 256 * 8));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_later_formats(void)
{
	struct bootrec rec = record_sample(5);
	struct bootrec back;
	uint8_t bytes[BOOTREC_SIZE];
	uint8_t again[BOOTREC_SIZE];

	bootrec_encode(&rec, bytes);
	bytes_store_u16(bytes + 12, 2); /* a later writer that we may read */
	bytes_store_u32(bytes + 16, 512);
	bytes[300] = 0xab;
	checksum_renew(bytes);
	expect(bootrec_decode(bytes, &back) == FAULT_OK);
	back.sequence++;
	bootrec_encode(&back, again);
	expect(again[300] == 0xab && again[12] == 2 && bytes_load_u32(again + 16) == 512);
	expect(bootrec_decode(again, &rec) == FAULT_OK && rec.sequence == 6);

	bytes_store_u16(bytes + 14, 2); /* a later writer that we may not */
	checksum_renew(bytes);
	expect(bootrec_decode(bytes, &back) == FAULT_BOOTREC_LATER);
}

static void test_impossible_values(void)
{
	static const struct {
		unsigned offset;
		uint8_t value;
	} ROWS[] = { { 32, 2 }, { 33, 200 }, { 64, SLOT_STATE_COUNT },
		     { 65, 4 }, { 66, 8 },   { 131, 8 } };
	const struct bootrec rec = record_sample(5);
	struct bootrec back;
	uint8_t bytes[BOOTREC_SIZE];

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		bootrec_encode(&rec, bytes);
		bytes[ROWS[i].offset] = ROWS[i].value;
		checksum_renew(bytes);
		expect(bootrec_decode(bytes, &back) == FAULT_BOOTREC_RANGE);
	}
	bootrec_encode(&rec, bytes);
	bytes_store_u32(bytes + 16, 4097);
	expect(bootrec_decode(bytes, &back) == FAULT_BOOTREC_RANGE);
	bytes_store_u32(bytes + 16, 255);
	expect(bootrec_decode(bytes, &back) == FAULT_BOOTREC_RANGE);
}

static void test_pick(void)
{
	static uint8_t both[BOOTREC_COPIES * BOOTREC_SIZE];
	struct bootrec rec = record_sample(10);
	struct bootrec got;
	unsigned copy = 9;

	memset(both, 0, sizeof both);
	expect(bootrec_pick(both, &got, &copy) == FAULT_BOOTREC_LOST && copy == 9);
	bootrec_encode(&rec, both + BOOTREC_SIZE);
	expect(bootrec_pick(both, &got, &copy) == FAULT_OK && copy == 1 && got.sequence == 10);
	rec.sequence = 11;
	bootrec_encode(&rec, both);
	expect(bootrec_pick(both, &got, &copy) == FAULT_OK && copy == 0 && got.sequence == 11);
	both[100] ^= 1;
	expect(bootrec_pick(both, &got, &copy) == FAULT_OK && copy == 1 && got.sequence == 10);
	both[BOOTREC_SIZE + 100] ^= 1;
	expect(bootrec_pick(both, &got, &copy) == FAULT_BOOTREC_LOST);
	bootrec_encode(&rec, both);
	bootrec_encode(&rec, both + BOOTREC_SIZE);
	expect(bootrec_pick(both, &got, &copy) == FAULT_OK && copy == 0);
	bytes_store_u16(both + BOOTREC_SIZE + 14, 9);
	checksum_renew(both + BOOTREC_SIZE);
	expect(bootrec_pick(both, &got, &copy) == FAULT_BOOTREC_LATER);
}

static const struct tap_case CASES[] = {
	{ "every byte where the format says", test_bytes },
	{ "round trip", test_round_trip },
	{ "every bit flipped", test_every_bit },
	{ "later formats", test_later_formats },
	{ "impossible values", test_impossible_values },
	{ "pick of two copies", test_pick },
};
TAP_MAIN(CASES)

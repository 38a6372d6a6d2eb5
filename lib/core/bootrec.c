/* SPDX-License-Identifier: MIT */
/* Boot record, one copy. Little-endian.
 *
 * offset  size  field
 *      0     8  magic "AZBOOTRC"
 *      8     4  CRC-32C of bytes 12 .. size-1
 *     12     2  format of the writer
 *     14     2  lowest format that a reader must know
 *     16     4  size: bytes in use, 256 .. 4096
 *     20     4  flags: bit 0 recovered
 *     24     8  sequence
 *     32     1  one-shot slot: 0 a, 1 b, 255 none
 *     33     1  slot booted last: 0 a, 1 b, 255 none
 *     34     2  zero
 *     36     4  fault that the boot program met at the last boot
 *     40     8  floor request: security version, 0 none
 *     48    16  zero
 *     64    64  slot a
 *    128    64  slot b
 *    192    64  zero
 *
 * one slot:
 *      0     1  state
 *      1     1  priority
 *      2     1  tries left
 *      3     1  failed boots in a row
 *      4     4  fault
 *      8     8  security version
 *     16    32  root hash
 *     48    16  zero */
#include "bootrec.h"

#include "bytes.h"
#include "check.h"
#include "crc32c.h"

enum {
	OFFSET_CRC = 8,
	OFFSET_FORMAT = 12,
	OFFSET_READER_MIN = 14,
	OFFSET_SIZE = 16,
	OFFSET_FLAGS = 20,
	OFFSET_SEQUENCE = 24,
	OFFSET_ONCE = 32,
	OFFSET_LAST = 33,
	OFFSET_LAST_FAULT = 36,
	OFFSET_FLOOR = 40,
	OFFSET_SLOTS = 64,
	SLOT_BYTES = 64,
	SIZE_MIN = 256,
	FLAG_RECOVERED = 1,
	NO_SLOT = 255,
};
_Static_assert(OFFSET_SLOTS + SLOT_COUNT * SLOT_BYTES <= SIZE_MIN, "no room for the slots");
_Static_assert((int)SIZE_MIN <= (int)BOOTREC_SIZE, "a record fits its copy");

static const uint8_t MAGIC[8] = { 'A', 'Z', 'B', 'O', 'O', 'T', 'R', 'C' };

static uint8_t slot_number_decode(uint8_t byte)
{
	return byte == NO_SLOT ? SLOT_NONE : byte;
}

static uint8_t slot_number_encode(uint8_t number)
{
	return number == SLOT_NONE ? NO_SLOT : number;
}

/* A byte that a later format uses, and this one does not, must not become SLOT_NONE by chance. */
static bool slot_number_is_valid(uint8_t byte)
{
	return byte == NO_SLOT || byte < SLOT_COUNT;
}

static void slot_decode(const uint8_t bytes[static SLOT_BYTES], struct slot *ret_slot)
{
	ret_slot->state = (enum slot_state)bytes[0];
	ret_slot->priority = bytes[1];
	ret_slot->tries_left = bytes[2];
	ret_slot->failures = bytes[3];
	ret_slot->fault = bytes_load_u32(bytes + 4);
	ret_slot->security_version = bytes_load_u64(bytes + 8);
	bytes_copy(ret_slot->root_hash, bytes + 16, SLOT_HASH_SIZE);
}

static void slot_encode(const struct slot *slot, uint8_t ret_bytes[static SLOT_BYTES])
{
	ret_bytes[0] = (uint8_t)slot->state;
	ret_bytes[1] = slot->priority;
	ret_bytes[2] = slot->tries_left;
	ret_bytes[3] = slot->failures;
	bytes_store_u32(ret_bytes + 4, slot->fault);
	bytes_store_u64(ret_bytes + 8, slot->security_version);
	bytes_copy(ret_bytes + 16, slot->root_hash, SLOT_HASH_SIZE);
}

void bootrec_init(struct bootrec *rec)
{
	bytes_fill((uint8_t *)rec, 0, sizeof *rec);
	rec->table.once = SLOT_NONE;
	rec->table.last = SLOT_NONE;
}

static fault bootrec_check_frame(const uint8_t bytes[static BOOTREC_SIZE])
{
	const uint32_t size_bytes = bytes_load_u32(bytes + OFFSET_SIZE);

	if (!bytes_equal(bytes, MAGIC, sizeof MAGIC))
		return FAULT_BOOTREC_MAGIC;
	if (size_bytes < SIZE_MIN || size_bytes > BOOTREC_SIZE)
		return FAULT_BOOTREC_RANGE;
	if (bytes_load_u32(bytes + OFFSET_CRC) !=
	    crc32c(bytes + OFFSET_FORMAT, size_bytes - OFFSET_FORMAT))
		return FAULT_BOOTREC_CHECKSUM;
	if (bytes_load_u16(bytes + OFFSET_READER_MIN) > BOOTREC_FORMAT)
		return FAULT_BOOTREC_LATER;
	return FAULT_OK;
}

fault bootrec_decode(const uint8_t bytes[static BOOTREC_SIZE], struct bootrec *ret_rec)
{
	const fault why = bootrec_check_frame(bytes);
	struct slot_table table;

	if (why != FAULT_OK)
		return why;
	if (!slot_number_is_valid(bytes[OFFSET_ONCE]) || !slot_number_is_valid(bytes[OFFSET_LAST]))
		return FAULT_BOOTREC_RANGE;

	table.once = slot_number_decode(bytes[OFFSET_ONCE]);
	table.last = slot_number_decode(bytes[OFFSET_LAST]);
	table.last_fault = bytes_load_u32(bytes + OFFSET_LAST_FAULT);
	table.floor_request = bytes_load_u64(bytes + OFFSET_FLOOR);
	table.recovered = (bytes_load_u32(bytes + OFFSET_FLAGS) & FLAG_RECOVERED) != 0;
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		slot_decode(bytes + OFFSET_SLOTS + i * SLOT_BYTES, &table.slots[i]);
	if (!slot_table_is_valid(&table))
		return FAULT_BOOTREC_RANGE;

	ret_rec->sequence = bytes_load_u64(bytes + OFFSET_SEQUENCE);
	ret_rec->table = table;
	bytes_copy(ret_rec->bytes, bytes, BOOTREC_SIZE);
	return FAULT_OK;
}

static void bootrec_encode_frame(uint8_t bytes[static BOOTREC_SIZE])
{
	const bool is_kept = bootrec_check_frame(bytes) == FAULT_OK;

	if (is_kept && bytes_load_u16(bytes + OFFSET_FORMAT) > BOOTREC_FORMAT)
		return; /* a later writer's format, size and fields stay */
	if (!is_kept)
		bytes_fill(bytes, 0, BOOTREC_SIZE);
	bytes_copy(bytes, MAGIC, sizeof MAGIC);
	bytes_store_u16(bytes + OFFSET_FORMAT, BOOTREC_FORMAT);
	bytes_store_u16(bytes + OFFSET_READER_MIN, BOOTREC_FORMAT);
	bytes_store_u32(bytes + OFFSET_SIZE, SIZE_MIN);
}

void bootrec_encode(const struct bootrec *rec, uint8_t ret_bytes[static BOOTREC_SIZE])
{
	uint32_t flags;

	check(slot_table_is_valid(&rec->table));
	bytes_copy(ret_bytes, rec->bytes, BOOTREC_SIZE);
	bootrec_encode_frame(ret_bytes);

	flags = bytes_load_u32(ret_bytes + OFFSET_FLAGS) & ~(uint32_t)FLAG_RECOVERED;
	if (rec->table.recovered)
		flags |= FLAG_RECOVERED;
	bytes_store_u32(ret_bytes + OFFSET_FLAGS, flags);
	bytes_store_u64(ret_bytes + OFFSET_SEQUENCE, rec->sequence);
	ret_bytes[OFFSET_ONCE] = slot_number_encode(rec->table.once);
	ret_bytes[OFFSET_LAST] = slot_number_encode(rec->table.last);
	bytes_store_u32(ret_bytes + OFFSET_LAST_FAULT, rec->table.last_fault);
	bytes_store_u64(ret_bytes + OFFSET_FLOOR, rec->table.floor_request);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		slot_encode(&rec->table.slots[i], ret_bytes + OFFSET_SLOTS + i * SLOT_BYTES);
	bytes_store_u32(ret_bytes + OFFSET_CRC,
			crc32c(ret_bytes + OFFSET_FORMAT,
			       bytes_load_u32(ret_bytes + OFFSET_SIZE) - OFFSET_FORMAT));
}

fault bootrec_pick(const uint8_t bytes[static BOOTREC_COPIES * BOOTREC_SIZE],
		   struct bootrec *ret_rec, unsigned *ret_copy)
{
	uint64_t best_sequence = 0;
	unsigned best = BOOTREC_COPIES;

	for (unsigned i = 0; i < BOOTREC_COPIES; i++) {
		const uint8_t *copy = bytes + (size_t)i * BOOTREC_SIZE;
		const uint64_t sequence = bytes_load_u64(copy + OFFSET_SEQUENCE);
		const fault why = bootrec_decode(copy, ret_rec);

		if (why == FAULT_BOOTREC_LATER)
			return why;
		if (why == FAULT_OK && (best == BOOTREC_COPIES || sequence > best_sequence)) {
			best = i;
			best_sequence = sequence;
		}
	}
	if (best == BOOTREC_COPIES)
		return FAULT_BOOTREC_LOST;
	*ret_copy = best;
	return bootrec_decode(bytes + (size_t)best * BOOTREC_SIZE, ret_rec);
}

/* SPDX-License-Identifier: MIT */
/* Boot header. Little-endian.
 *
 * offset  size  field
 *      0     8  magic "AZBOOTHD"
 *      8     4  CRC-32C of bytes 12 .. size-1
 *     12     2  format of the writer
 *     14     2  lowest format that a reader must know
 *     16     4  size: bytes in use, 288 .. 4096
 *     20     4  zero
 *     24     8  staged sequence
 *     32     8  UKI offset
 *     40     8  UKI size
 *     48     8  tree offset
 *     56     8  manifest offset
 *     64     8  signature offset
 *     72     4  manifest size
 *     76     4  signature size
 *     80     8  security version
 *     88    32  root hash
 *    120    32  UKI tree root
 *    152    64  version
 *    216    72  zero */
#include "boothead.h"

#include "bytes.h"
#include "crc32c.h"

enum {
	OFFSET_CRC = 8,
	OFFSET_FORMAT = 12,
	OFFSET_READER_MIN = 14,
	OFFSET_SIZE = 16,
	OFFSET_STAGED = 24,
	OFFSET_UKI = 32,
	OFFSET_UKI_SIZE = 40,
	OFFSET_TREE = 48,
	OFFSET_MANIFEST = 56,
	OFFSET_SIGNATURE = 64,
	OFFSET_MANIFEST_SIZE = 72,
	OFFSET_SIGNATURE_SIZE = 76,
	OFFSET_SECURITY = 80,
	OFFSET_ROOT_HASH = 88,
	OFFSET_UKI_ROOT = 120,
	OFFSET_VERSION = 152,
	SIZE_MIN = 288,
};
_Static_assert(OFFSET_VERSION + BOOTHEAD_VERSION_SIZE <= SIZE_MIN, "no room for the version");

static const uint8_t MAGIC[8] = { 'A', 'Z', 'B', 'O', 'O', 'T', 'H', 'D' };

static fault boothead_check_frame(const uint8_t bytes[static BOOTHEAD_SIZE])
{
	const uint32_t size_bytes = bytes_load_u32(bytes + OFFSET_SIZE);

	if (!bytes_equal(bytes, MAGIC, sizeof MAGIC))
		return FAULT_BOOTHEAD_MAGIC;
	if (size_bytes < SIZE_MIN || size_bytes > BOOTHEAD_SIZE)
		return FAULT_BOOTHEAD_RANGE;
	if (bytes_load_u32(bytes + OFFSET_CRC) !=
	    crc32c(bytes + OFFSET_FORMAT, size_bytes - OFFSET_FORMAT))
		return FAULT_BOOTHEAD_CHECKSUM;
	if (bytes_load_u16(bytes + OFFSET_READER_MIN) > BOOTHEAD_FORMAT)
		return FAULT_BOOTHEAD_LATER;
	return FAULT_OK;
}

static bool area_is_inside(uint64_t offset, uint64_t size_bytes, uint64_t end)
{
	return offset >= BOOTHEAD_SIZE && offset % 4096 == 0 &&
	       bytes_range_is_inside(offset, size_bytes, end);
}

static bool boothead_is_valid(const struct boothead *head, uint64_t partition_size)
{
	return head->uki_size > 0 && head->uki_size <= BOOTHEAD_UKI_MAX &&
	       head->manifest_size <= BOOTHEAD_MANIFEST_MAX &&
	       head->signature_size <= BOOTHEAD_SIGNATURE_MAX &&
	       head->version[BOOTHEAD_VERSION_SIZE - 1] == '\0' &&
	       area_is_inside(head->uki_offset, head->uki_size, partition_size) &&
	       area_is_inside(head->tree_offset, 4096, partition_size) &&
	       area_is_inside(head->manifest_offset, head->manifest_size, partition_size) &&
	       area_is_inside(head->signature_offset, head->signature_size, partition_size);
}

fault boothead_decode(const uint8_t bytes[static BOOTHEAD_SIZE], uint64_t partition_size,
		      struct boothead *ret_head)
{
	const fault why = boothead_check_frame(bytes);
	struct boothead head;

	if (why != FAULT_OK)
		return why;
	head.staged_sequence = bytes_load_u64(bytes + OFFSET_STAGED);
	head.uki_offset = bytes_load_u64(bytes + OFFSET_UKI);
	head.uki_size = bytes_load_u64(bytes + OFFSET_UKI_SIZE);
	head.tree_offset = bytes_load_u64(bytes + OFFSET_TREE);
	head.manifest_offset = bytes_load_u64(bytes + OFFSET_MANIFEST);
	head.manifest_size = bytes_load_u32(bytes + OFFSET_MANIFEST_SIZE);
	head.signature_offset = bytes_load_u64(bytes + OFFSET_SIGNATURE);
	head.signature_size = bytes_load_u32(bytes + OFFSET_SIGNATURE_SIZE);
	head.security_version = bytes_load_u64(bytes + OFFSET_SECURITY);
	bytes_copy(head.root_hash, bytes + OFFSET_ROOT_HASH, SLOT_HASH_SIZE);
	bytes_copy(head.uki_root, bytes + OFFSET_UKI_ROOT, SLOT_HASH_SIZE);
	bytes_copy((uint8_t *)head.version, bytes + OFFSET_VERSION, BOOTHEAD_VERSION_SIZE);
	if (!boothead_is_valid(&head, partition_size))
		return FAULT_BOOTHEAD_RANGE;
	*ret_head = head;
	return FAULT_OK;
}

void boothead_encode(const struct boothead *head, uint8_t ret_bytes[static BOOTHEAD_SIZE])
{
	bytes_fill(ret_bytes, 0, BOOTHEAD_SIZE);
	bytes_copy(ret_bytes, MAGIC, sizeof MAGIC);
	bytes_store_u16(ret_bytes + OFFSET_FORMAT, BOOTHEAD_FORMAT);
	bytes_store_u16(ret_bytes + OFFSET_READER_MIN, BOOTHEAD_FORMAT);
	bytes_store_u32(ret_bytes + OFFSET_SIZE, SIZE_MIN);
	bytes_store_u64(ret_bytes + OFFSET_STAGED, head->staged_sequence);
	bytes_store_u64(ret_bytes + OFFSET_UKI, head->uki_offset);
	bytes_store_u64(ret_bytes + OFFSET_UKI_SIZE, head->uki_size);
	bytes_store_u64(ret_bytes + OFFSET_TREE, head->tree_offset);
	bytes_store_u64(ret_bytes + OFFSET_MANIFEST, head->manifest_offset);
	bytes_store_u32(ret_bytes + OFFSET_MANIFEST_SIZE, head->manifest_size);
	bytes_store_u64(ret_bytes + OFFSET_SIGNATURE, head->signature_offset);
	bytes_store_u32(ret_bytes + OFFSET_SIGNATURE_SIZE, head->signature_size);
	bytes_store_u64(ret_bytes + OFFSET_SECURITY, head->security_version);
	bytes_copy(ret_bytes + OFFSET_ROOT_HASH, head->root_hash, SLOT_HASH_SIZE);
	bytes_copy(ret_bytes + OFFSET_UKI_ROOT, head->uki_root, SLOT_HASH_SIZE);
	bytes_copy(ret_bytes + OFFSET_VERSION, (const uint8_t *)head->version,
		   BOOTHEAD_VERSION_SIZE);
	bytes_store_u32(ret_bytes + OFFSET_CRC,
			crc32c(ret_bytes + OFFSET_FORMAT, SIZE_MIN - OFFSET_FORMAT));
}

struct slot_evidence boothead_evidence(const struct boothead *head)
{
	struct slot_evidence evidence = {
		.complete = true,
		.staged_sequence = head->staged_sequence,
		.security_version = head->security_version,
	};

	bytes_copy(evidence.root_hash, head->root_hash, SLOT_HASH_SIZE);
	return evidence;
}

/* SPDX-License-Identifier: MIT */
#pragma once
/* Boot header: the first 4 KiB of a boot partition. Says where the UKI, its tree, and the signed
 * manifest of the release stand. Written last when a release is staged and wiped first, so a valid
 * header means a complete slot. It is a table of contents, not a promise: the firmware verifies
 * the UKI's signature, and the daemon verifies the manifest's. */

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"

enum {
	BOOTHEAD_SIZE = 4096,
	BOOTHEAD_FORMAT = 1,
	BOOTHEAD_VERSION_SIZE = 64, /* release version, NUL-terminated */
	BOOTHEAD_MANIFEST_MAX = 64 * 1024,
	BOOTHEAD_SIGNATURE_MAX = 64 * 1024,
	BOOTHEAD_UKI_MAX = 512 * 1024 * 1024,
};

/* Offsets are in bytes from the start of the partition, multiples of 4096. */
struct boothead {
	uint64_t staged_sequence; /* the boot record's sequence when it was staged */
	uint64_t uki_offset;
	uint64_t uki_size;    /* bytes, without the padding of the last block */
	uint64_t tree_offset; /* verity superblock of the UKI's tree, the tree behind it */
	uint64_t manifest_offset;
	uint32_t manifest_size;
	uint64_t signature_offset;
	uint32_t signature_size;
	uint64_t security_version;
	uint8_t root_hash[SLOT_HASH_SIZE]; /* of the root image */
	uint8_t uki_root[SLOT_HASH_SIZE];  /* of the UKI's tree */
	char version[BOOTHEAD_VERSION_SIZE];
};

/* FAULT_BOOTHEAD_MAGIC (also: wiped), _CHECKSUM, _LATER, _RANGE (a field points outside of
 * `partition_size` bytes, or over a limit). */
fault boothead_decode(const uint8_t bytes[static BOOTHEAD_SIZE], uint64_t partition_size,
		      struct boothead *ret_head);
void boothead_encode(const struct boothead *head, uint8_t ret_bytes[static BOOTHEAD_SIZE]);

/* The same as evidence for slot_recover(). */
struct slot_evidence boothead_evidence(const struct boothead *head);

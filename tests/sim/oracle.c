/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <string.h>
#include <unistd.h>

#include "releases.h"

/* Bit by bit, RFC 3720 B.4; the medium's blocks are few enough to remember the answers. */
static uint32_t crc_compute(const uint8_t *bytes, size_t size_bytes)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size_bytes; i++) {
		crc ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static uint64_t number(const uint8_t *bytes, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static bool block_is_sound_now(const uint8_t *bytes, const char *magic, size_t least)
{
	const size_t size = (size_t)number(bytes + 16, 4);

	return memcmp(bytes, magic, 8) == 0 && size >= least && size <= MEDIUM_BLOCK &&
	       number(bytes + 8, 4) == crc_compute(bytes + 12, size - 12) &&
	       number(bytes + 14, 2) <= 1;
}

static bool block_is_sound(uint32_t id, const char *magic, size_t least)
{
	static GHashTable *known; /* number of the block to 1 or 2 */
	const gpointer key = GUINT_TO_POINTER(id + 1);
	guint answer;

	if (known == NULL)
		known = g_hash_table_new(NULL, NULL);
	answer = GPOINTER_TO_UINT(g_hash_table_lookup(known, key));
	if (answer == 0) {
		answer = block_is_sound_now(medium_bytes(id), magic, least) ? 2 : 1;
		g_hash_table_insert(known, key, GUINT_TO_POINTER(answer));
	}
	return answer == 2;
}

static struct oracle_slot slot_read(const uint8_t *bytes)
{
	return (struct oracle_slot){
		.state = bytes[0], .tries = bytes[2], .failures = bytes[3], .root_hash = bytes + 16
	};
}

struct oracle_record oracle_record(const struct medium *medium)
{
	const unsigned first = medium_span(PART_STATE).first;
	struct oracle_record record = { .valid = false };

	for (unsigned copy = 0; copy < 2; copy++) {
		const uint32_t id = medium->ids[first + copy];
		const uint8_t *bytes = medium_bytes(id);

		if (!block_is_sound(id, "AZBOOTRC", 256) ||
		    (record.valid && number(bytes + 24, 8) <= record.sequence))
			continue;
		record.valid = true;
		record.sequence = number(bytes + 24, 8);
		record.slots[0] = slot_read(bytes + 64);
		record.slots[1] = slot_read(bytes + 128);
	}
	return record;
}

static unsigned root_version(const struct medium *medium, unsigned slot)
{
	const uint32_t *ids = medium->ids +
			      medium_span(slot == 0 ? PART_ROOT_A : PART_ROOT_B).first;

	for (unsigned version = 1; version <= RELEASE_COUNT; version++) {
		const struct release *release = release_get(version);

		if (memcmp(ids, release->root_data, sizeof release->root_data) == 0 &&
		    ids[RELEASE_ROOT_BLOCKS + 1] == release->root_tree &&
		    memcmp(medium_bytes(ids[RELEASE_ROOT_BLOCKS]),
			   medium_bytes(release->root_superblock), 512) == 0)
			return version;
	}
	return 0;
}

/* The UKI stands right behind the header: that is where releases of this size have it. */
static bool uki_is_there(const struct medium *medium, unsigned slot, const struct release *release)
{
	const uint32_t *ids = medium->ids +
			      medium_span(slot == 0 ? PART_BOOT_A : PART_BOOT_B).first;
	const uint8_t *head = medium_bytes(ids[0]);

	return block_is_sound(ids[0], "AZBOOTHD", 288) && number(head + 32, 8) == MEDIUM_BLOCK &&
	       number(head + 40, 8) == release->uki_size &&
	       memcmp(head + 88, release->root_hash, RELEASE_HASH) == 0 &&
	       memcmp(ids + 1, release->uki_data, release->uki_blocks * sizeof ids[0]) == 0;
}

unsigned oracle_boots(const struct medium *medium, unsigned slot)
{
	const unsigned version = root_version(medium, slot);

	return version != 0 && uki_is_there(medium, slot, release_get(version)) ? version : 0;
}

/* The bundle has manifest and signature at byte 4096, one behind the other. */
static bool signed_is_there(const struct medium *medium, unsigned slot,
			    const struct release *release)
{
	const uint32_t *ids = medium->ids +
			      medium_span(slot == 0 ? PART_BOOT_A : PART_BOOT_B).first;
	const uint8_t *head = medium_bytes(ids[0]);
	static uint8_t bundle[4 * MEDIUM_BLOCK];
	const ssize_t got = pread(release->bundle, bundle, sizeof bundle, 0);
	const size_t text = (size_t)number(bundle + 16, 4);
	const size_t cms = (size_t)number(bundle + 20, 4);
	const uint8_t *blocks[] = { medium_bytes(ids[number(head + 56, 8) / MEDIUM_BLOCK]),
				    medium_bytes(ids[number(head + 64, 8) / MEDIUM_BLOCK]) };

	g_assert(text <= MEDIUM_BLOCK && cms <= MEDIUM_BLOCK &&
		 got >= 4096 + (ssize_t)(text + cms));
	return number(head + 72, 4) == text && number(head + 76, 4) == cms &&
	       memcmp(blocks[0], bundle + 4096, text) == 0 &&
	       memcmp(blocks[1], bundle + 4096 + text, cms) == 0;
}

unsigned oracle_whole(const struct medium *medium, unsigned slot)
{
	const uint32_t *boot = medium->ids +
			       medium_span(slot == 0 ? PART_BOOT_A : PART_BOOT_B).first;
	const uint32_t *root = medium->ids +
			       medium_span(slot == 0 ? PART_ROOT_A : PART_ROOT_B).first;
	const unsigned version = oracle_boots(medium, slot);
	const struct release *release = version != 0 ? release_get(version) : NULL;

	return version != 0 && root[RELEASE_ROOT_BLOCKS] == release->root_superblock &&
			       boot[1 + release->uki_blocks] == release->uki_superblock &&
			       boot[2 + release->uki_blocks] == release->uki_tree &&
			       memcmp(root + RELEASE_ROOT_BLOCKS + 2, release->root_parity,
				      sizeof release->root_parity) == 0 &&
			       signed_is_there(medium, slot, release)
		       ? version
		       : 0;
}

bool oracle_record_is_true(const struct medium *medium)
{
	const struct oracle_record record = oracle_record(medium);

	for (unsigned slot = 0; record.valid && slot < 2; slot++) {
		const unsigned version = oracle_boots(medium, slot);
		const unsigned state = record.slots[slot].state;

		if ((state == ORACLE_STAGED || state == ORACLE_TRYING || state == ORACLE_GOOD) &&
		    (version == 0 || memcmp(release_get(version)->root_hash,
					    record.slots[slot].root_hash, RELEASE_HASH) != 0))
			return false;
	}
	return true;
}

bool oracle_headers_are_true(const struct medium *medium)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		const enum part part = slot == 0 ? PART_BOOT_A : PART_BOOT_B;

		if (block_is_sound(medium->ids[medium_span(part).first], "AZBOOTHD", 288) &&
		    oracle_whole(medium, slot) == 0)
			return false;
	}
	return true;
}

bool oracle_try_is_spent(const struct medium *medium, unsigned slot, const struct belief *belief,
			 unsigned version)
{
	const struct oracle_record record = oracle_record(medium);

	if (!record.valid || record.slots[slot].state != ORACLE_TRYING)
		return true;
	for (unsigned i = 0; i < belief->count; i++) {
		const struct expectation *each = &belief->maybe[i];

		if (each->trial == version &&
		    each->starts + record.slots[slot].tries > BELIEF_TRIES)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "floor.h"

#include "bytes.h"
#include "firmware.h"
#include "parts.h"
#include "variable.h"

enum {
	FLOOR_ATTRIBUTES = EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS,
	FLOOR_SIZE = 8,
};

static const uint16_t NAME[] = u"AzbootFloor";

uint64_t floor_read(void)
{
	const struct efi_guid vendor = variable_vendor();
	uint8_t bytes[FLOOR_SIZE];
	uint64_t size_bytes = sizeof bytes;
	uint32_t attributes = 0;
	const efi_status status = firmware->runtime->get_variable(NAME, &vendor, &attributes,
								  &size_bytes, bytes);

	if (status == EFI_NOT_FOUND)
		return 0;
	if (!efi_failed(status) && attributes != FLOOR_ATTRIBUTES)
		return 0;
	if (efi_failed(status) || size_bytes != FLOOR_SIZE)
		return FLOOR_UNREADABLE;
	return bytes_load_u64(bytes);
}

static uint64_t lower_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t floor_after(const struct slot_table *table, unsigned index, uint64_t verified,
		     uint64_t floor)
{
	uint64_t wanted = lower_of(table->floor_request, verified);

	if (table->slots[index].state != SLOT_GOOD)
		return floor;
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (slot_is_bootable(&table->slots[i]))
			wanted = lower_of(wanted, table->slots[i].security_version);
	return wanted > floor ? wanted : floor;
}

bool floor_is_vouched(void)
{
	uint8_t value = 0;
	uint64_t size_bytes = sizeof value;
	uint32_t attributes;

	return !efi_failed(firmware->runtime->get_variable(u"SecureBoot", &EFI_GLOBAL_VARIABLE_GUID,
							   &attributes, &size_bytes, &value)) &&
	       value == 1;
}

void floor_write(uint64_t floor)
{
	const struct efi_guid vendor = variable_vendor();
	uint8_t bytes[FLOOR_SIZE];

	if (!floor_is_vouched())
		return;
	bytes_store_u64(bytes, floor);
	/* One with other attributes (the running system's) must go before ours can come. If
	 * firmware refuses, the floor stays, and the record's request is tried at the next boot. */
	if (floor_read() == 0)
		(void)firmware->runtime->set_variable(NAME, &vendor, 0, 0, NULL);
	(void)firmware->runtime->set_variable(NAME, &vendor, FLOOR_ATTRIBUTES, sizeof bytes, bytes);
}

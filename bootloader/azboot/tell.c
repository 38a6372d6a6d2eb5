/* SPDX-License-Identifier: MIT */
#include "tell.h"

#include "bytes.h"
#include "firmware.h"
#include "variable.h"

enum {
	VOLATILE = EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS,
	TEXT_MAX = 64,
};

static const char *const REASON_TEXT[SLOT_REASON_COUNT] = {
	"none", "once", "trial", "preferred", "fallback", "last-resort"
};

/* A variable that cannot be set is one that the system will miss: no reason not to start it. But a
 * lasting one of that name, which the system may have made, must not speak for azboot. */
static void variable_set(const struct efi_guid *vendor, const uint16_t *name, const void *data,
			 uint64_t size_bytes)
{
	const struct efi_runtime_services *runtime = firmware->runtime;

	if (!efi_failed(runtime->set_variable(name, vendor, VOLATILE, size_bytes, data)))
		return;
	(void)runtime->set_variable(name, vendor, 0, 0, NULL);
	(void)runtime->set_variable(name, vendor, VOLATILE, size_bytes, data);
}

static void variable_set_text(const struct efi_guid *vendor, const uint16_t *name, const char *text)
{
	uint16_t wide[TEXT_MAX];
	unsigned count = 0;

	while (text[count] != '\0' && count < TEXT_MAX - 1) {
		wide[count] = (uint8_t)text[count];
		count++;
	}
	wide[count++] = 0;
	variable_set(vendor, name, wide, count * sizeof wide[0]);
}

static void variable_set_decimal(const struct efi_guid *vendor, const uint16_t *name,
				 uint64_t number)
{
	char digits[21];
	unsigned start = sizeof digits - 1;

	digits[start] = '\0';
	do {
		digits[--start] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	variable_set_text(vendor, name, digits + start);
}

/* The first three fields of a GUID are little-endian numbers (UEFI appendix A). */
static void guid_format(const uint8_t guid[static DISK_GUID_SIZE], char ret_text[static 37])
{
	static const uint8_t ORDER[DISK_GUID_SIZE] = { 3, 2, 1,  0,  5,  4,  7,  6,
						       8, 9, 10, 11, 12, 13, 14, 15 };
	static const char HEX[] = "0123456789abcdef";
	unsigned out = 0;

	for (unsigned i = 0; i < DISK_GUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret_text[out++] = '-';
		ret_text[out++] = HEX[guid[ORDER[i]] >> 4];
		ret_text[out++] = HEX[guid[ORDER[i]] & 15];
	}
	ret_text[out] = '\0';
}

void tell_loader(const struct disk *disk, uint64_t start_us)
{
	char esp[37];
	uint8_t features[8] = { 0 }; /* none of those that bootctl may ask a loader for */

	guid_format(disk->esp_guid, esp);
	variable_set_text(&EFI_LOADER_GUID, u"LoaderInfo", "azboot " AZUPDATE_VERSION);
	variable_set(&EFI_LOADER_GUID, u"LoaderFeatures", features, sizeof features);
	variable_set_text(&EFI_LOADER_GUID, u"LoaderDevicePartUUID", esp);
	variable_set_decimal(&EFI_LOADER_GUID, u"LoaderTimeInitUSec", start_us);
}

void tell_decision(const struct decision *decision, const struct clock *clock)
{
	const struct efi_guid vendor = variable_vendor();
	const uint8_t stored = decision->is_stored;
	uint8_t met[4];
	uint8_t floor[8];
	uint8_t limit[8];

	bytes_store_u32(met, decision->fault);
	bytes_store_u64(floor, decision->floor);
	variable_set_text(&vendor, u"AzbootSlot", decision->slot == SLOT_A ? "a" : "b");
	variable_set_text(&vendor, u"AzbootReason", REASON_TEXT[decision->reason]);
	variable_set(&vendor, u"AzbootFault", met, sizeof met);
	variable_set(&vendor, u"AzbootFloorInForce", floor, sizeof floor);
	/* Without a counter it is deleted, which zero bytes do. */
	bytes_store_u64(limit, decision->counter_limit);
	variable_set(&vendor, u"AzbootCounterLimit", limit,
		     decision->counter_limit != 0 ? sizeof limit : 0);
	variable_set(&vendor, u"AzbootStored", &stored, sizeof stored);
	variable_set_text(&EFI_LOADER_GUID, u"LoaderEntrySelected",
			  decision->slot == SLOT_A ? "azupdate-a" : "azupdate-b");
	variable_set_decimal(&EFI_LOADER_GUID, u"LoaderTimeExecUSec", clock_us(clock));
}

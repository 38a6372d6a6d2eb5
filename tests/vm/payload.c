/* SPDX-License-Identifier: MIT */
/* Stands in for a UKI in the tests of azboot: says on the serial port what azboot handed over, then
 * ends as its os-release text asks. The test writes that text into the .osrel section. */
#include "bytes.h"
#include "efi.h"
#include "parts.h"
#include "variable.h"

enum {
	SERIAL_PORT = 0x3f8,
	SERIAL_STATUS = SERIAL_PORT + 5,
	SERIAL_EMPTY = 0x20,
	VALUE_MAX = 256,
	LOG_FORMAT_2 = 2,
};

/* The marker is how the test finds the place. */
__attribute__((used, section(".osrel"))) static const volatile char OSREL[512] =
	"#PAYLOAD-OSREL\nPAYLOAD_END=shutdown\n";

static struct efi_system_table *firmware;

efi_status efi_main(efi_handle self, struct efi_system_table *table);

static void port_write(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t port_read(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void say_byte(char byte)
{
	while ((port_read(SERIAL_STATUS) & SERIAL_EMPTY) == 0)
		;
	port_write(SERIAL_PORT, (uint8_t)byte);
}

static void say(const char *text)
{
	while (*text != '\0')
		say_byte(*text++);
}

static void say_hex(const uint8_t *bytes, uint64_t size_bytes)
{
	static const char HEX[] = "0123456789abcdef";

	for (uint64_t i = 0; i < size_bytes; i++) {
		say_byte(HEX[bytes[i] >> 4]);
		say_byte(HEX[bytes[i] & 15]);
	}
}

static void say_wide(const uint8_t *text, uint64_t size_bytes)
{
	for (uint64_t i = 0; i + 1 < size_bytes && bytes_load_u16(text + i) != 0; i += 2)
		say_byte((char)text[i]);
}

/* "payload NAME ATTRIBUTES HEX-OF-VALUE" */
static void say_variable(const uint16_t *name, const struct efi_guid *vendor)
{
	uint8_t value[VALUE_MAX];
	uint64_t size_bytes = sizeof value;
	uint32_t attributes = 0;

	say("payload ");
	say_wide((const uint8_t *)name, VALUE_MAX);
	if (efi_failed(firmware->runtime->get_variable(name, vendor, &attributes, &size_bytes,
						       value))) {
		say(" none\n");
		return;
	}
	say_byte(' ');
	say_byte((char)('0' + attributes % 10));
	say_byte(' ');
	say_hex(value, size_bytes);
	say("\n");
}

static void say_variables(void)
{
	static const uint16_t *const OURS[] = { u"AzbootSlot",  u"AzbootReason",
						u"AzbootFault", u"AzbootStored",
						u"AzbootFloor", u"AzbootFloorInForce",
						u"AzbootCounter", u"AzbootCounterLimit" };
	static const uint16_t *const LOADER[] = { u"LoaderInfo",          u"LoaderFeatures",
						  u"LoaderEntrySelected", u"LoaderDevicePartUUID",
						  u"LoaderTimeInitUSec",  u"LoaderTimeExecUSec",
						  u"LoaderBootCountPath" };
	const struct efi_guid vendor = variable_vendor();

	for (unsigned i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
		say_variable(OURS[i], &vendor);
	for (unsigned i = 0; i < sizeof LOADER / sizeof LOADER[0]; i++)
		say_variable(LOADER[i], &EFI_LOADER_GUID);
	say_variable(u"SecureBoot", &EFI_GLOBAL_VARIABLE_GUID);
}

/* "payload partition HEX-OF-UNIQUE-GUID LABEL": where firmware thinks the image came from. */
static void say_partition(efi_handle self)
{
	struct efi_loaded_image *loaded;
	const struct efi_partition_info *info;
	void *interface;

	if (efi_failed(firmware->boot->handle_protocol(self, &EFI_LOADED_IMAGE_GUID, &interface)))
		return;
	loaded = interface;
	if (efi_failed(firmware->boot->handle_protocol(loaded->device, &EFI_PARTITION_INFO_GUID,
						       &interface)))
		return;
	info = interface;
	say("payload partition ");
	say_hex(info->unique_guid, sizeof info->unique_guid);
	say_byte(' ');
	say_wide((const uint8_t *)info + offsetof(struct efi_partition_info, name),
		 2 * EFI_PARTITION_NAME_SIZE);
	say("\n");
}

static void say_pcr5(struct efi_tcg2 *tcg2)
{
	/* TPM2_PCR_Read of PCR 5, SHA-256 (TPM 2.0 part 3, 22.4). */
	static const uint8_t READ[] = { 0x80, 0x01, 0, 0, 0,    20,   0, 0,    0x01, 0x7e,
					0,    0,    0, 1, 0x00, 0x0b, 3, 0x20, 0,    0 };
	uint8_t answer[128];

	if (efi_failed(tcg2->submit_command(tcg2, sizeof READ, READ, sizeof answer, answer)))
		return;
	say("payload pcr5 ");
	say_hex(answer + bytes_load_u16((const uint8_t[]){ answer[5], answer[4] }) - 32, 32);
	say("\n");
}

/* The crypto agile log up to and with the start of its last event, and 512 bytes more: the test
 * knows where that event ends. */
static void say_log(struct efi_tcg2 *tcg2)
{
	uint64_t start;
	uint64_t last;
	uint8_t truncated;

	if (efi_failed(tcg2->get_event_log(tcg2, LOG_FORMAT_2, &start, &last, &truncated)))
		return;
	say("payload log ");
	say_hex((const uint8_t *)(uintptr_t)start, last - start + 512);
	say("\n");
}

static int osrel_has(const char *wanted)
{
	for (unsigned i = 0; i < sizeof OSREL && OSREL[i] != '\0'; i++) {
		unsigned k = 0;

		while (wanted[k] != '\0' && i + k < sizeof OSREL && OSREL[i + k] == wanted[k])
			k++;
		if (wanted[k] == '\0')
			return 1;
	}
	return 0;
}

static void say_tpm(void)
{
	void *tcg2;

	if (efi_failed(firmware->boot->locate_protocol(&EFI_TCG2_GUID, NULL, &tcg2)))
		return;
	say_pcr5(tcg2);
	if (osrel_has("PAYLOAD_LOG=1"))
		say_log(tcg2);
}

efi_status efi_main(efi_handle self, struct efi_system_table *table)
{
	firmware = table;
	say("\npayload begin\n");
	say_partition(self);
	say_variables();
	say_tpm();
	say("payload end\n");
	if (osrel_has("PAYLOAD_END=return"))
		return EFI_LOAD_ERROR;
	while (osrel_has("PAYLOAD_END=hang"))
		__asm__ volatile("hlt");
	firmware->runtime->reset_system(osrel_has("PAYLOAD_END=reset") ? EFI_RESET_COLD
								       : EFI_RESET_SHUTDOWN,
					EFI_SUCCESS, 0, NULL);
	return EFI_SUCCESS;
}

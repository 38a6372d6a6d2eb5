/* SPDX-License-Identifier: MIT */
/* x86-64: I/O ports. ACPI's tables are firmware's and believed, but for their sizes. */
#include "watchdog.h"

#include "bytes.h"
#include "firmware.h"
#include "wdat.h"

/* ACPI 6.5, 5.2.5.3 (RSDP) and 5.2.8 (XSDT). */
enum {
	RSDP_REVISION = 15,
	RSDP_XSDT = 24,
	TABLE_SIZE = 4,
	XSDT_ENTRIES = 36,
	XSDT_SIZE_MAX = 64 * 1024,
};

static const uint8_t *memory_at(uint64_t address)
{
	return (const uint8_t *)(uintptr_t)address;
}

static bool guid_equal(const struct efi_guid *a, const struct efi_guid *b)
{
	return bytes_equal((const uint8_t *)a, (const uint8_t *)b, sizeof *a);
}

static const uint8_t *rsdp_find(void)
{
	for (uint64_t i = 0; i < firmware->configuration_count; i++)
		if (guid_equal(&firmware->configuration[i].vendor, &EFI_ACPI_20_GUID))
			return firmware->configuration[i].table;
	return NULL;
}

static bool watchdog_find(struct wdat *ret_wdat)
{
	const uint8_t *rsdp = rsdp_find();
	const uint8_t *xsdt;
	uint32_t size;

	if (rsdp == NULL || rsdp[RSDP_REVISION] < 2)
		return false;
	xsdt = memory_at(bytes_load_u64(rsdp + RSDP_XSDT));
	size = xsdt == NULL ? 0 : bytes_load_u32(xsdt + TABLE_SIZE);
	if (size > XSDT_SIZE_MAX)
		return false;
	for (uint32_t at = XSDT_ENTRIES; at + 8 <= size; at += 8) {
		const uint8_t *table = memory_at(bytes_load_u64(xsdt + at));

		if (table != NULL && bytes_equal(table, (const uint8_t *)"WDAT", 4))
			return wdat_decode(table, bytes_load_u32(table + TABLE_SIZE), ret_wdat);
	}
	return false;
}

static uint32_t port_read(uint16_t port, unsigned size_bytes)
{
	uint32_t value = 0;

	if (size_bytes == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
	else if (size_bytes == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
	else
		__asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port));
	return value;
}

static void port_write(uint16_t port, unsigned size_bytes, uint32_t value)
{
	if (size_bytes == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(value), "Nd"(port));
	else if (size_bytes == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t register_read(const struct wdat_write *write)
{
	volatile void *at = (volatile void *)(uintptr_t)write->address;

	if (!write->in_memory)
		return port_read((uint16_t)write->address, write->size_bytes);
	if (write->size_bytes == 1)
		return *(volatile uint8_t *)at;
	if (write->size_bytes == 2)
		return *(volatile uint16_t *)at;
	return *(volatile uint32_t *)at;
}

static void register_write(const struct wdat_write *write, uint32_t value)
{
	volatile void *at = (volatile void *)(uintptr_t)write->address;

	if (!write->in_memory)
		port_write((uint16_t)write->address, write->size_bytes, value);
	else if (write->size_bytes == 1)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (write->size_bytes == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

static void watchdog_do(const struct wdat *wdat, enum wdat_action action, uint32_t count)
{
	struct wdat_write write;
	unsigned next = 0;

	while (wdat_step(wdat, action, count, &next, &write)) {
		const uint32_t kept = write.keep ? register_read(&write) & ~write.mask : 0;

		register_write(&write, kept | write.bits);
	}
}

void watchdog_arm(unsigned seconds)
{
	struct wdat wdat;

	if (!watchdog_find(&wdat))
		return;
	watchdog_do(&wdat, WDAT_SET_COUNT, wdat_count(&wdat, seconds));
	watchdog_do(&wdat, WDAT_SET_REBOOT, 0);
	watchdog_do(&wdat, WDAT_SET_RUNNING, 0);
	watchdog_do(&wdat, WDAT_RESET, 0);
}

void watchdog_stop(void)
{
	struct wdat wdat;

	if (watchdog_find(&wdat))
		watchdog_do(&wdat, WDAT_SET_STOPPED, 0);
}

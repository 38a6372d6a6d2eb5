/* SPDX-License-Identifier: MIT */
#include "image.h"

#include "bytes.h"
#include "firmware.h"
#include "header.h"
#include "kernelarg.h"
#include "osrel.h"
#include "pe.h"
#include "watchdog.h"

/* Small enough that the watchdog never bites a slow disk that still works. */
enum { READ_CHUNK = 4 * 1024 * 1024 };

static fault image_allocate(uint64_t size_bytes, struct image *ret_image)
{
	uint64_t address;
	const uint64_t page_count = (size_bytes + EFI_PAGE_SIZE - 1) / EFI_PAGE_SIZE;

	if (efi_failed(firmware->boot->allocate_pages(EFI_ALLOCATE_ANY_PAGES, EFI_LOADER_DATA,
						      page_count, &address)))
		return FAULT_BOOT_MEMORY;
	*ret_image = (struct image){
		.bytes = (uint8_t *)(uintptr_t)address,
		.size_bytes = size_bytes,
		.page_count = page_count,
	};
	return FAULT_OK;
}

static fault image_fill(struct image *image, const struct partition *partition, uint64_t offset)
{
	for (uint64_t done = 0; done < image->size_bytes; done += READ_CHUNK) {
		const uint64_t left = image->size_bytes - done;

		firmware_watchdog_arm();
		if (!partition_read(partition, offset + done, left < READ_CHUNK ? left : READ_CHUNK,
				    image->bytes + done))
			return FAULT_BOOT_READ;
	}
	return FAULT_OK;
}

fault image_read(const struct partition *partition, const struct slot *slot,
		 struct image *ret_image)
{
	struct boothead head;
	fault why = header_read(partition, &head);

	if (why != FAULT_OK)
		return why;
	if (!bytes_equal(head.root_hash, slot->root_hash, SLOT_HASH_SIZE))
		return FAULT_SLOT_MISMATCH;
	why = image_allocate(head.uki_size, ret_image);
	if (why != FAULT_OK)
		return why;
	why = image_fill(ret_image, partition, head.uki_offset);
	if (why != FAULT_OK)
		image_release(ret_image);
	return why;
}

/* UEFI 7.4.1: a security violation may still give a handle, for whoever wants to ask the user. */
static fault image_verify(struct image *image, efi_handle self, const struct partition *partition)
{
	const efi_status status = firmware->boot->load_image(0, self, partition->path, image->bytes,
							     image->size_bytes, &image->handle);

	if (!efi_failed(status))
		return FAULT_OK;
	image_unload(image);
	if (status == EFI_ACCESS_DENIED || status == EFI_SECURITY_VIOLATION)
		return FAULT_BOOT_DENIED;
	return FAULT_BOOT_LOAD;
}

static fault image_security_version(const struct image *image, const struct pe *pe,
				    uint64_t *ret_version)
{
	struct pe_section section;

	if (pe_find(pe, image->bytes, ".osrel", &section) != FAULT_OK) {
		*ret_version = 0;
		return FAULT_OK;
	}
	return osrel_security_version(image->bytes + section.file_offset, section.size_bytes,
				      ret_version);
}

static unsigned image_watchdog_s(const struct image *image, const struct pe *pe)
{
	struct pe_section section;

	if (pe_find(pe, image->bytes, ".cmdline", &section) != FAULT_OK)
		return 0;
	return kernelarg_watchdog_s((const char *)image->bytes + section.file_offset,
				    section.size_bytes);
}

/* What azboot itself wants to know of a UKI that the firmware has verified. */
static fault image_inspect(struct image *image)
{
	struct pe pe;
	const fault why = pe_decode(image->bytes, (size_t)image->size_bytes, &pe);

	if (why != FAULT_OK)
		return why;
	image->watchdog_s = image_watchdog_s(image, &pe);
	return image_security_version(image, &pe, &image->security_version);
}

fault image_load(struct image *image, efi_handle self, const struct partition *partition,
		 uint64_t floor)
{
	fault why = image_verify(image, self, partition);

	if (why != FAULT_OK)
		return why;
	why = image_inspect(image);
	if (why == FAULT_OK && image->security_version < floor)
		why = FAULT_BOOT_FLOOR;
	if (why != FAULT_OK)
		image_unload(image);
	return why;
}

fault image_start(struct image *image)
{
	efi_status status;

	firmware_watchdog_arm();
	if (image->watchdog_s > 0)
		watchdog_arm(image->watchdog_s);
	status = firmware->boot->start_image(image->handle, NULL, NULL);
	firmware_watchdog_arm();
	/* The other slot's release may not know that there is something to take over. */
	if (image->watchdog_s > 0)
		watchdog_stop();
	if (status == EFI_SECURITY_VIOLATION || status == EFI_ACCESS_DENIED) {
		image_unload(image);
		return FAULT_BOOT_DENIED;
	}
	return FAULT_BOOT_START;
}

void image_release(struct image *image)
{
	(void)firmware->boot->free_pages((uint64_t)(uintptr_t)image->bytes, image->page_count);
	image->bytes = NULL;
}

void image_unload(struct image *image)
{
	if (image->handle != NULL)
		(void)firmware->boot->unload_image(image->handle);
	image->handle = NULL;
}

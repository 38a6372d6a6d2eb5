/* SPDX-License-Identifier: MIT */
#include "firmware.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bootloader/azboot/efi.h"
#include "bytes.h"
#include "fakedisk.h"
#include "oracle.h"
#include "parts.h"
#include "releases.h"

efi_status efi_main(efi_handle self, struct efi_system_table *table); /* azboot */

extern struct efi_system_table *firmware; /* azboot's */

enum {
	PARTITIONS = PART_COUNT + 1, /* the ESP is the last one */
	ESP = PART_COUNT,
	PATH_SIZE = 4 + EFI_HARDDRIVE_SIZE + 4,
	VARIABLE_FLOOR_SIZE = 8,
};

/* A handle is the address of one of these. */
struct device {
	struct efi_block_io io;
	struct efi_block_io_media media;
	struct efi_partition_info info;
	uint8_t path[PATH_SIZE];
};

static struct device devices[PARTITIONS];
static struct efi_loaded_image self_image;
static struct firmware_boot seen;
static unsigned loaded_versions[2]; /* by slot; a handle is the address of one */
static uint16_t key_pressed;
static bool is_over; /* handed over */

static void path_make(uint8_t path[static PATH_SIZE], uint8_t number)
{
	memset(path, 0, PATH_SIZE);
	path[0] = 1; /* the disk: some hardware path */
	path[1] = 1;
	path[2] = 4;
	path[4] = EFI_PATH_MEDIA;
	path[5] = EFI_PATH_MEDIA_HARDDRIVE;
	path[6] = EFI_HARDDRIVE_SIZE;
	path[8] = number;
	path[4 + EFI_HARDDRIVE_SIGNATURE] = number;
	path[4 + EFI_HARDDRIVE_SIGNATURE_TYPE] = EFI_SIGNATURE_TYPE_GUID;
	path[4 + EFI_HARDDRIVE_SIZE] = EFI_PATH_END;
	path[4 + EFI_HARDDRIVE_SIZE + 1] = EFI_PATH_END_ENTIRE;
	path[4 + EFI_HARDDRIVE_SIZE + 2] = 4;
}

static enum part part_of(const struct efi_block_io *io)
{
	return (enum part)((const struct device *)io - devices);
}

static efi_status read_blocks(struct efi_block_io *self, uint32_t media_id, uint64_t block,
			      uint64_t size_bytes, void *to)
{
	return part_of(self) < PART_COUNT &&
			       fakedisk_read(part_of(self), block * 512, to, size_bytes)
		       ? EFI_SUCCESS
		       : EFI_LOAD_ERROR;
}

static efi_status write_blocks(struct efi_block_io *self, uint32_t media_id, uint64_t block,
			       uint64_t size_bytes, const void *from)
{
	return part_of(self) < PART_COUNT &&
			       fakedisk_write(part_of(self), block * 512, from, size_bytes)
		       ? EFI_SUCCESS
		       : EFI_LOAD_ERROR;
}

static efi_status flush_blocks(struct efi_block_io *self)
{
	return part_of(self) < PART_COUNT && fakedisk_flush(part_of(self)) ? EFI_SUCCESS
									   : EFI_LOAD_ERROR;
}

static void device_make(unsigned number)
{
	static const char *const LABELS[PARTITIONS] = { "azstate", "boot_a", "boot_b",
							"root_a",  "root_b", "esp" };
	struct device *device = &devices[number];
	const bool is_boot = number == PART_BOOT_A || number == PART_BOOT_B;

	path_make(device->path, (uint8_t)(number + 1));
	device->media = (struct efi_block_io_media){
		.media_present = 1,
		.block_size = 512,
		.last_block = number == ESP ? 99 : fakedisk_size((enum part)number) / 512 - 1,
	};
	device->io = (struct efi_block_io){ .media = &device->media,
					    .read_blocks = read_blocks,
					    .write_blocks = write_blocks,
					    .flush_blocks = flush_blocks };
	device->info.type = EFI_PARTITION_TYPE_GPT;
	memcpy(device->info.type_guid, is_boot ? PARTS_TYPE_BOOT_BYTES : PARTS_TYPE_AZSTATE_BYTES,
	       sizeof device->info.type_guid);
	for (unsigned i = 0; LABELS[number][i] != '\0'; i++)
		device->info.name[i] = (uint8_t)LABELS[number][i];
}

static bool guid_is(const struct efi_guid *guid, const struct efi_guid *wanted)
{
	return memcmp(guid, wanted, sizeof *guid) == 0;
}

static efi_status handle_protocol(efi_handle handle, const struct efi_guid *guid,
				  void **ret_interface)
{
	struct device *device = handle;

	if (handle == &self_image && guid_is(guid, &EFI_LOADED_IMAGE_GUID))
		*ret_interface = &self_image;
	else if (handle == &self_image)
		return EFI_NOT_FOUND;
	else if (guid_is(guid, &EFI_DEVICE_PATH_GUID))
		*ret_interface = device->path;
	else if (guid_is(guid, &EFI_BLOCK_IO_GUID))
		*ret_interface = &device->io;
	else if (guid_is(guid, &EFI_PARTITION_INFO_GUID))
		*ret_interface = &device->info;
	else
		return EFI_NOT_FOUND;
	return EFI_SUCCESS;
}

static efi_status locate_handle_buffer(uint32_t how, const struct efi_guid *guid, void *key,
				       uint64_t *ret_count, efi_handle **ret_handles)
{
	static efi_handle handles[PARTITIONS];

	for (unsigned i = 0; i < PARTITIONS; i++)
		handles[i] = &devices[i];
	*ret_count = PARTITIONS;
	*ret_handles = handles;
	return EFI_SUCCESS;
}

static efi_status locate_protocol(const struct efi_guid *guid, void *registration,
				  void **ret_interface)
{
	return EFI_NOT_FOUND; /* no TPM */
}

static efi_status allocate_pages(uint32_t how, uint32_t memory_type, uint64_t page_count,
				 uint64_t *address)
{
	*address = (uintptr_t)aligned_alloc(EFI_PAGE_SIZE, page_count * EFI_PAGE_SIZE);
	return EFI_SUCCESS;
}

static efi_status free_pages(uint64_t address, uint64_t page_count)
{
	free((void *)(uintptr_t)address);
	return EFI_SUCCESS;
}

/* Secure Boot: only the releases' own UKIs are signed. */
static efi_status load_image(uint8_t boot_policy, efi_handle parent,
			     const struct efi_device_path *path, const void *source,
			     uint64_t source_size, efi_handle *ret_image)
{
	const unsigned version = release_of_uki(source, source_size);
	const unsigned slot = (const uint8_t *)path == devices[PART_BOOT_B].path;

	if (is_over || version == 0)
		return EFI_ACCESS_DENIED;
	loaded_versions[slot] = version;
	*ret_image = &loaded_versions[slot];
	return EFI_SUCCESS;
}

static efi_status start_image(efi_handle image, uint64_t *ret_exit_data_size,
			      uint16_t **ret_exit_data)
{
	struct belief belief = *fakedisk_belief();

	if (is_over)
		return EFI_LOAD_ERROR;
	seen.slot = image == &loaded_versions[1];
	seen.version = loaded_versions[seen.slot];
	seen.expected = belief_start(&belief, seen.version);
	seen.early = !oracle_try_is_spent(fakedisk_durable(), seen.slot, &belief, seen.version);
	fakedisk_note(&belief);
	is_over = true;
	fakedisk_freeze(true);
	return EFI_LOAD_ERROR;
}

static efi_status unload_image(efi_handle image)
{
	return EFI_SUCCESS;
}

static efi_status stall(uint64_t microseconds)
{
	return EFI_SUCCESS;
}

static efi_status set_watchdog_timer(uint64_t seconds, uint64_t code, uint64_t data_size,
				     const uint16_t *data)
{
	return EFI_SUCCESS;
}

static bool name_is(const uint16_t *name, const char *wanted)
{
	unsigned i = 0;

	while (wanted[i] != '\0' && name[i] == (uint8_t)wanted[i])
		i++;
	return wanted[i] == '\0' && name[i] == 0;
}

static efi_status get_variable(const uint16_t *name, const struct efi_guid *vendor,
			       uint32_t *ret_attributes, uint64_t *size_bytes, void *ret_data)
{
	const uint64_t floor = fakedisk_belief()->floor;

	if (name_is(name, "SecureBoot") && *size_bytes >= 1) {
		*(uint8_t *)ret_data = 1;
		*size_bytes = 1;
		return EFI_SUCCESS;
	}
	if (!name_is(name, "AzbootFloor") || floor == 0 || *size_bytes < VARIABLE_FLOOR_SIZE)
		return EFI_NOT_FOUND;
	*ret_attributes = EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS;
	*size_bytes = VARIABLE_FLOOR_SIZE;
	bytes_store_u64(ret_data, floor);
	return EFI_SUCCESS;
}

/* Firmware's own store survives a power cut: a variable is the old one or the new one. */
static efi_status set_variable(const uint16_t *name, const struct efi_guid *vendor,
			       uint32_t attributes, uint64_t size_bytes, const void *data)
{
	struct belief belief = *fakedisk_belief();

	if (is_over || !name_is(name, "AzbootFloor"))
		return EFI_SUCCESS;
	belief.floor = size_bytes == VARIABLE_FLOOR_SIZE ? bytes_load_u64(data) : 0;
	if (belief.floor < fakedisk_belief()->floor)
		seen.floor_fell = true;
	fakedisk_note(&belief);
	return EFI_SUCCESS;
}

static void reset_system(uint32_t how, efi_status status, uint64_t data_size, const void *data)
{
	printf("Bail out! azboot reset the machine\n");
	abort();
}

static efi_status output_string(struct efi_text_output *self, const uint16_t *text)
{
	return EFI_SUCCESS;
}

static efi_status set_attribute(struct efi_text_output *self, uint64_t attribute)
{
	return EFI_SUCCESS;
}

static efi_status clear_screen(struct efi_text_output *self)
{
	return EFI_SUCCESS;
}

/* The first key opens the menu, the second one chooses. */
static efi_status read_key(struct efi_text_input *self, struct efi_input_key *ret_key)
{
	static unsigned turn;

	if (key_pressed == FIRMWARE_NO_KEY)
		return EFI_NOT_FOUND;
	turn = (turn + 1) % 3;
	if (turn == 2)
		return EFI_NOT_FOUND; /* the queue is empty: the menu opens */
	ret_key->unicode = key_pressed;
	if (turn == 0)
		key_pressed = FIRMWARE_NO_KEY;
	return EFI_SUCCESS;
}

static struct efi_boot_services boot_services = {
	.allocate_pages = allocate_pages,
	.free_pages = free_pages,
	.handle_protocol = handle_protocol,
	.load_image = load_image,
	.start_image = start_image,
	.unload_image = unload_image,
	.stall = stall,
	.set_watchdog_timer = set_watchdog_timer,
	.locate_handle_buffer = locate_handle_buffer,
	.locate_protocol = locate_protocol,
};
static struct efi_runtime_services runtime_services = {
	.get_variable = get_variable,
	.set_variable = set_variable,
	.reset_system = reset_system,
};
static struct efi_text_output console_out = { .output_string = output_string,
					      .set_attribute = set_attribute,
					      .clear_screen = clear_screen };
static struct efi_text_input console_in = { .read_key = read_key };
static struct efi_system_table system_table = { .console_in = &console_in,
						.console_out = &console_out,
						.runtime = &runtime_services,
						.boot = &boot_services };

struct firmware_boot firmware_boot(uint16_t key)
{
	if (devices[ESP].io.media == NULL)
		for (unsigned i = 0; i < PARTITIONS; i++)
			device_make(i);
	self_image.device = &devices[ESP];
	seen = (struct firmware_boot){ .slot = 2, .expected = true };
	is_over = false;
	key_pressed = key;
	(void)efi_main(&self_image, &system_table); /* what it says is for real firmware */
	fakedisk_freeze(false);
	return seen;
}

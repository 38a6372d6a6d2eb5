/* SPDX-License-Identifier: MIT */
#pragma once
/* UEFI: the types and tables of the UEFI Specification 2.10 (and of the TCG EFI Protocol
 * Specification) that azboot uses, and no others. Members that it does not use are kept as
 * numbered gaps, so that the offsets are right. On the windows target the compiler's default
 * calling convention is the one that UEFI asks for. */

#include <stddef.h>
#include <stdint.h>

typedef uint64_t efi_status;
typedef void *efi_handle;

#define EFI_ERROR_BIT 0x8000000000000000ULL

/* Appendix D. */
static const efi_status EFI_SUCCESS = 0;
static const efi_status EFI_LOAD_ERROR = EFI_ERROR_BIT | 1;
static const efi_status EFI_NOT_FOUND = EFI_ERROR_BIT | 14;
static const efi_status EFI_ACCESS_DENIED = EFI_ERROR_BIT | 15;
static const efi_status EFI_SECURITY_VIOLATION = EFI_ERROR_BIT | 26;

static inline int efi_failed(efi_status status)
{
	return (status & EFI_ERROR_BIT) != 0;
}

/* 2.3.1: EFI_GUID. */
struct efi_guid {
	uint32_t a;
	uint16_t b;
	uint16_t c;
	uint8_t d[8];
};
_Static_assert(sizeof(struct efi_guid) == 16, "a GUID has 16 bytes");

/* 4.2: EFI_TABLE_HEADER. */
struct efi_table_header {
	uint64_t signature;
	uint32_t revision;
	uint32_t header_size;
	uint32_t crc32;
	uint32_t reserved;
};

/* 10.2: EFI_DEVICE_PATH_PROTOCOL; nodes follow each other, `length` includes this header. */
struct efi_device_path {
	uint8_t type;
	uint8_t subtype;
	uint8_t length[2];
};
enum {
	EFI_PATH_MEDIA = 4,
	EFI_PATH_MEDIA_HARDDRIVE = 1, /* 10.3.5.1 */
	EFI_PATH_END = 0x7f,
	EFI_PATH_END_ENTIRE = 0xff,
	EFI_HARDDRIVE_SIZE = 42,
	EFI_HARDDRIVE_SIGNATURE = 24, /* offset of the partition's GUID */
	EFI_HARDDRIVE_SIGNATURE_TYPE = 41,
	EFI_SIGNATURE_TYPE_GUID = 2,
};

/* 12.3: EFI_SIMPLE_TEXT_INPUT_PROTOCOL. */
struct efi_input_key {
	uint16_t scan_code;
	uint16_t unicode;
};
struct efi_text_input {
	void *gap_reset;
	efi_status (*read_key)(struct efi_text_input *self, struct efi_input_key *ret_key);
	void *wait_for_key;
};

/* 12.4: EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL. */
struct efi_text_output {
	void *gap_reset;
	efi_status (*output_string)(struct efi_text_output *self, const uint16_t *text);
	void *gap_modes[3];
	efi_status (*set_attribute)(struct efi_text_output *self, uint64_t attribute);
	efi_status (*clear_screen)(struct efi_text_output *self);
	void *gap_cursor[3];
};

/* 9.1: EFI_LOADED_IMAGE_PROTOCOL. */
struct efi_loaded_image {
	uint32_t revision;
	efi_handle parent;
	void *system_table;
	efi_handle device;
	struct efi_device_path *file_path;
	void *reserved;
	uint32_t load_options_size;
	void *load_options;
	void *image_base;
	uint64_t image_size;
};

/* 13.9: EFI_BLOCK_IO_PROTOCOL. */
struct efi_block_io_media {
	uint32_t media_id;
	uint8_t removable_media;
	uint8_t media_present;
	uint8_t logical_partition;
	uint8_t read_only;
	uint8_t write_caching;
	uint32_t block_size;
	uint32_t io_align;
	uint64_t last_block;
};
struct efi_block_io {
	uint64_t revision;
	struct efi_block_io_media *media;
	void *gap_reset;
	efi_status (*read_blocks)(struct efi_block_io *self, uint32_t media_id, uint64_t block,
				  uint64_t size_bytes, void *to);
	efi_status (*write_blocks)(struct efi_block_io *self, uint32_t media_id, uint64_t block,
				   uint64_t size_bytes, const void *from);
	efi_status (*flush_blocks)(struct efi_block_io *self);
};

/* 13.18: EFI_PARTITION_INFO_PROTOCOL with the GPT entry of 5.3.3. */
enum { EFI_PARTITION_TYPE_GPT = 2, EFI_PARTITION_NAME_SIZE = 36 };
struct __attribute__((packed)) efi_partition_info {
	uint32_t revision;
	uint32_t type;
	uint8_t system;
	uint8_t reserved[7];
	uint8_t type_guid[16];
	uint8_t unique_guid[16];
	uint64_t first_block;
	uint64_t last_block;
	uint64_t attributes;
	uint16_t name[EFI_PARTITION_NAME_SIZE];
};
_Static_assert(offsetof(struct efi_partition_info, type_guid) == 16, "the GPT entry is at 16");

/* TCG EFI Protocol Specification 1.0, 6.4 and 6.6: EFI_TCG2_PROTOCOL. */
struct __attribute__((packed)) efi_tcg2_event {
	uint32_t size_bytes; /* of this struct and the event behind it */
	uint32_t header_size;
	uint16_t header_version;
	uint32_t pcr;
	uint32_t event_type;
};
struct efi_tcg2 {
	efi_status (*get_capability)(struct efi_tcg2 *self, void *capability);
	efi_status (*get_event_log)(struct efi_tcg2 *self, uint32_t format, uint64_t *ret_start,
				    uint64_t *ret_last, uint8_t *ret_truncated);
	efi_status (*hash_log_extend)(struct efi_tcg2 *self, uint64_t flags, uint64_t data,
				      uint64_t data_size_bytes, struct efi_tcg2_event *event);
	efi_status (*submit_command)(struct efi_tcg2 *self, uint32_t in_size, const uint8_t *in,
				     uint32_t out_size, uint8_t *out);
};

/* 7: boot services. */
enum {
	EFI_ALLOCATE_ANY_PAGES = 0,
	EFI_LOADER_DATA = 2,
	EFI_LOCATE_BY_PROTOCOL = 2,
	EFI_PAGE_SIZE = 4096,
};
struct efi_boot_services {
	struct efi_table_header header;
	void *gap_tpl[2];
	efi_status (*allocate_pages)(uint32_t how, uint32_t memory_type, uint64_t page_count,
				     uint64_t *address);
	efi_status (*free_pages)(uint64_t address, uint64_t page_count);
	void *gap_memory[3];
	void *gap_events[6];
	void *gap_protocols[3];
	efi_status (*handle_protocol)(efi_handle handle, const struct efi_guid *guid,
				      void **ret_interface);
	void *gap_locate[5];
	efi_status (*load_image)(uint8_t boot_policy, efi_handle parent,
				 const struct efi_device_path *path, const void *source,
				 uint64_t source_size, efi_handle *ret_image);
	efi_status (*start_image)(efi_handle image, uint64_t *ret_exit_data_size,
				  uint16_t **ret_exit_data);
	void *gap_exit;
	efi_status (*unload_image)(efi_handle image);
	void *gap_exit_boot[2];
	efi_status (*stall)(uint64_t microseconds);
	efi_status (*set_watchdog_timer)(uint64_t seconds, uint64_t code, uint64_t data_size,
					 const uint16_t *data);
	void *gap_drivers[5];
	void *gap_per_handle;
	efi_status (*locate_handle_buffer)(uint32_t how, const struct efi_guid *guid, void *key,
					   uint64_t *ret_count, efi_handle **ret_handles);
	efi_status (*locate_protocol)(const struct efi_guid *guid, void *registration,
				      void **ret_interface);
};
_Static_assert(offsetof(struct efi_boot_services, handle_protocol) == 152, "UEFI 4.4");
_Static_assert(offsetof(struct efi_boot_services, load_image) == 200, "UEFI 4.4");
_Static_assert(offsetof(struct efi_boot_services, set_watchdog_timer) == 256, "UEFI 4.4");
_Static_assert(offsetof(struct efi_boot_services, locate_protocol) == 320, "UEFI 4.4");

/* 8: runtime services. */
enum {
	EFI_VARIABLE_NON_VOLATILE = 1,
	EFI_VARIABLE_BOOTSERVICE_ACCESS = 2,
	EFI_VARIABLE_RUNTIME_ACCESS = 4,
	EFI_RESET_COLD = 0,
	EFI_RESET_SHUTDOWN = 2,
};
struct efi_runtime_services {
	struct efi_table_header header;
	void *gap_time[4];
	void *gap_virtual[2];
	efi_status (*get_variable)(const uint16_t *name, const struct efi_guid *vendor,
				   uint32_t *ret_attributes, uint64_t *size_bytes, void *ret_data);
	void *gap_next_name;
	efi_status (*set_variable)(const uint16_t *name, const struct efi_guid *vendor,
				   uint32_t attributes, uint64_t size_bytes, const void *data);
	void *gap_monotonic;
	void (*reset_system)(uint32_t how, efi_status status, uint64_t data_size, const void *data);
};
_Static_assert(offsetof(struct efi_runtime_services, reset_system) == 104, "UEFI 4.5");

/* 4.6: EFI_CONFIGURATION_TABLE. */
struct efi_configuration_table {
	struct efi_guid vendor;
	void *table;
};

/* 4.3: EFI_SYSTEM_TABLE. */
struct efi_system_table {
	struct efi_table_header header;
	uint16_t *firmware_vendor;
	uint32_t firmware_revision;
	efi_handle console_in_handle;
	struct efi_text_input *console_in;
	efi_handle console_out_handle;
	struct efi_text_output *console_out;
	efi_handle standard_error_handle;
	struct efi_text_output *standard_error;
	struct efi_runtime_services *runtime;
	struct efi_boot_services *boot;
	uint64_t configuration_count;
	struct efi_configuration_table *configuration;
};
_Static_assert(offsetof(struct efi_system_table, boot) == 96, "UEFI 4.3");
_Static_assert(offsetof(struct efi_system_table, configuration) == 112, "UEFI 4.3");

static const struct efi_guid EFI_LOADED_IMAGE_GUID = {
	0x5b1b31a1, 0x9562, 0x11d2, { 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
};
static const struct efi_guid EFI_DEVICE_PATH_GUID = {
	0x09576e91, 0x6d3f, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
};
static const struct efi_guid EFI_BLOCK_IO_GUID = {
	0x964e5b21, 0x6459, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
};
static const struct efi_guid EFI_PARTITION_INFO_GUID = {
	0x8cf2f62c, 0xbc9b, 0x4821, { 0x80, 0x8d, 0xec, 0x9e, 0xc4, 0x21, 0xa1, 0xa0 }
};
static const struct efi_guid EFI_TCG2_GUID = {
	0x607f766c, 0x7455, 0x42be, { 0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f }
};
static const struct efi_guid EFI_ACPI_20_GUID = {
	0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 }
};
static const struct efi_guid EFI_GLOBAL_VARIABLE_GUID = {
	0x8be4df61, 0x93ca, 0x11d2, { 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c }
};
/* Boot Loader Interface (systemd). */
static const struct efi_guid EFI_LOADER_GUID = {
	0x4a67b082, 0x0a4c, 0x41cf, { 0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f }
};

/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include "bytes.h"
#include "firmware.h"

enum { PATH_NODES_MAX = 64 }; /* firmware's answers are bounded, too */

static size_t node_size(const struct efi_device_path *node)
{
	return bytes_load_u16(node->length);
}

static bool node_is_end(const struct efi_device_path *node)
{
	return node->type == EFI_PATH_END && node->subtype == EFI_PATH_END_ENTIRE;
}

static bool node_is_gpt_partition(const struct efi_device_path *node)
{
	return node->type == EFI_PATH_MEDIA && node->subtype == EFI_PATH_MEDIA_HARDDRIVE &&
	       node_size(node) == EFI_HARDDRIVE_SIZE &&
	       ((const uint8_t *)node)[EFI_HARDDRIVE_SIGNATURE_TYPE] == EFI_SIGNATURE_TYPE_GUID;
}

static const struct efi_device_path *node_next(const struct efi_device_path *node)
{
	return (const struct efi_device_path *)((const uint8_t *)node + node_size(node));
}

/* The partition node that ends a path, or NULL. */
static const struct efi_device_path *path_partition(const struct efi_device_path *path)
{
	for (unsigned i = 0; i < PATH_NODES_MAX; i++) {
		if (node_size(path) < sizeof *path || node_is_end(path))
			return NULL;
		if (node_is_gpt_partition(path) && node_is_end(node_next(path)))
			return path;
		path = node_next(path);
	}
	return NULL;
}

static const struct efi_device_path *path_of(efi_handle handle)
{
	void *path;

	if (efi_failed(firmware->boot->handle_protocol(handle, &EFI_DEVICE_PATH_GUID, &path)))
		return NULL;
	return path;
}

fault disk_init(efi_handle image, struct disk *ret_disk)
{
	const struct efi_device_path *path;
	const struct efi_device_path *node;
	void *loaded;

	if (efi_failed(firmware->boot->handle_protocol(image, &EFI_LOADED_IMAGE_GUID, &loaded)))
		return FAULT_BOOT_PARTITION;
	path = path_of(((struct efi_loaded_image *)loaded)->device);
	node = path == NULL ? NULL : path_partition(path);
	if (node == NULL)
		return FAULT_BOOT_PARTITION;
	ret_disk->path = path;
	ret_disk->path_size_bytes = (size_t)((const uint8_t *)node - (const uint8_t *)path);
	ret_disk->esp_guid = (const uint8_t *)node + EFI_HARDDRIVE_SIGNATURE;
	return FAULT_OK;
}

/* The whole path up to the partition is compared: another disk may carry the same labels, since
 * it is a clone of this one, or since somebody plugged it in for that purpose. */
static bool disk_has(const struct disk *disk, const struct efi_device_path *path)
{
	const struct efi_device_path *node = path_partition(path);

	return node != NULL &&
	       (size_t)((const uint8_t *)node - (const uint8_t *)path) == disk->path_size_bytes &&
	       bytes_equal((const uint8_t *)path, (const uint8_t *)disk->path,
			   disk->path_size_bytes);
}

static bool label_fits(const uint16_t name[static EFI_PARTITION_NAME_SIZE], const char *label)
{
	for (unsigned i = 0; i < EFI_PARTITION_NAME_SIZE; i++) {
		if (name[i] != (uint8_t)label[i])
			return false;
		if (name[i] == 0)
			return true;
	}
	return false;
}

static bool info_fits(const struct efi_partition_info *info, const char *label, const uint8_t *type)
{
	uint16_t name[EFI_PARTITION_NAME_SIZE];

	bytes_copy((uint8_t *)name,
		   (const uint8_t *)info + offsetof(struct efi_partition_info, name), sizeof name);
	return info->type == EFI_PARTITION_TYPE_GPT && label_fits(name, label) &&
	       bytes_equal(info->type_guid, type, DISK_GUID_SIZE);
}

static bool media_is_usable(const struct efi_block_io_media *media)
{
	return media->media_present && media->block_size >= 512 &&
	       media->block_size <= DISK_ALIGN && DISK_ALIGN % media->block_size == 0 &&
	       media->io_align <= DISK_ALIGN;
}

static bool partition_open(efi_handle handle, struct partition *ret_partition)
{
	struct efi_block_io *io;
	void *interface;

	if (efi_failed(firmware->boot->handle_protocol(handle, &EFI_BLOCK_IO_GUID, &interface)))
		return false;
	io = interface;
	if (!media_is_usable(io->media))
		return false;
	ret_partition->io = io;
	ret_partition->path = path_of(handle);
	ret_partition->size_bytes = (io->media->last_block + 1) * io->media->block_size;
	return true;
}

static bool handle_fits(const struct disk *disk, efi_handle handle, const char *label,
			const uint8_t *type)
{
	const struct efi_device_path *path = path_of(handle);
	void *info;

	return path != NULL && disk_has(disk, path) &&
	       !efi_failed(
		       firmware->boot->handle_protocol(handle, &EFI_PARTITION_INFO_GUID, &info)) &&
	       info_fits(info, label, type);
}

fault disk_find(const struct disk *disk, const char *label,
		const uint8_t type[static DISK_GUID_SIZE], struct partition *ret_partition)
{
	efi_handle *handles;
	efi_handle found = NULL;
	uint64_t count;
	unsigned found_count = 0;

	*ret_partition = (struct partition){ .io = NULL };
	if (efi_failed(firmware->boot->locate_handle_buffer(
		    EFI_LOCATE_BY_PROTOCOL, &EFI_PARTITION_INFO_GUID, NULL, &count, &handles)))
		return FAULT_BOOT_PARTITION;
	for (uint64_t i = 0; i < count; i++) {
		if (!handle_fits(disk, handles[i], label, type))
			continue;
		found = handles[i];
		found_count++;
	}
	if (found_count != 1 || !partition_open(found, ret_partition))
		return FAULT_BOOT_PARTITION;
	return FAULT_OK;
}

static bool range_is_inside(const struct partition *partition, uint64_t offset, uint64_t size_bytes)
{
	return partition->io != NULL && offset % DISK_ALIGN == 0 &&
	       offset <= partition->size_bytes && size_bytes <= partition->size_bytes - offset;
}

static uint64_t round_up(uint64_t size_bytes, uint32_t unit)
{
	return (size_bytes + unit - 1) / unit * unit;
}

bool partition_read(const struct partition *partition, uint64_t offset, uint64_t size_bytes,
		    void *to)
{
	struct efi_block_io *io = partition->io;

	if (!range_is_inside(partition, offset, size_bytes))
		return false;
	return !efi_failed(io->read_blocks(io, io->media->media_id, offset / io->media->block_size,
					   round_up(size_bytes, io->media->block_size), to));
}

bool partition_write(const struct partition *partition, uint64_t offset, uint64_t size_bytes,
		     const void *from)
{
	struct efi_block_io *io = partition->io;

	if (!range_is_inside(partition, offset, size_bytes) ||
	    size_bytes % io->media->block_size != 0 || io->media->read_only)
		return false;
	return !efi_failed(io->write_blocks(io, io->media->media_id, offset / io->media->block_size,
					    size_bytes, from)) &&
	       !efi_failed(io->flush_blocks(io));
}

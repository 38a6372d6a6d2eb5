/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include "failure.h"

static gboolean range_check(const struct disk *disk, uint64_t offset, uint64_t size_bytes,
			    GError **error)
{
	if (offset > disk->size_bytes || size_bytes > disk->size_bytes - offset)
		return failure_set(error, FAULT_DISK_RANGE,
				   "%" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
				   " lie outside of %s",
				   size_bytes, offset, disk->name);
	return TRUE;
}

gboolean disk_read(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
		   GError **error)
{
	return range_check(disk, offset, size_bytes, error) &&
	       disk->ops->read(disk, offset, bytes, size_bytes, error);
}

gboolean disk_write(struct disk *disk, uint64_t offset, const uint8_t *bytes, size_t size_bytes,
		    GError **error)
{
	return range_check(disk, offset, size_bytes, error) &&
	       disk->ops->write(disk, offset, bytes, size_bytes, error);
}

gboolean disk_flush(struct disk *disk, GError **error)
{
	return disk->ops->flush(disk, error);
}

gboolean disk_read_medium(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	g_assert(offset % 4096 == 0 && size_bytes % 4096 == 0 && (uintptr_t)bytes % 4096 == 0);
	return range_check(disk, offset, size_bytes, error) &&
	       disk->ops->read_medium(disk, offset, bytes, size_bytes, error);
}

gboolean disk_write_medium(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			   size_t size_bytes, GError **error)
{
	g_assert(offset % 4096 == 0 && size_bytes % 4096 == 0 && (uintptr_t)bytes % 4096 == 0);
	if (disk->ops->write_medium == NULL)
		return disk_write(disk, offset, bytes, size_bytes, error);
	return range_check(disk, offset, size_bytes, error) &&
	       disk->ops->write_medium(disk, offset, bytes, size_bytes, error);
}

gboolean disk_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes, GError **error)
{
	static const uint8_t ZEROS[65536];

	if (!range_check(disk, offset, size_bytes, error))
		return FALSE;
	if (disk->ops->zero != NULL && disk->ops->zero(disk, offset, size_bytes))
		return TRUE;
	for (uint64_t done = 0; done < size_bytes; done += sizeof ZEROS)
		if (!disk_write(disk, offset + done, ZEROS,
				(size_t)MIN(sizeof ZEROS, size_bytes - done), error))
			return FALSE;
	return TRUE;
}

void disk_discard(struct disk *disk, uint64_t offset, uint64_t size_bytes)
{
	if (disk->ops->discard != NULL && range_check(disk, offset, size_bytes, NULL))
		disk->ops->discard(disk, offset, size_bytes);
}

int disk_reader(struct disk *disk, uint64_t *ret_start, GError **error)
{
	const int fd = disk->ops->reader != NULL ? disk->ops->reader(disk, ret_start) : -1;

	if (fd < 0)
		failure_set(error, FAULT_DISK_READ, "another process cannot read %s", disk->name);
	return fd;
}

void disk_close(struct disk *disk)
{
	if (disk != NULL)
		disk->ops->close(disk);
}

/* SPDX-License-Identifier: MIT */
/* Disks that are block devices or windows of files. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

struct disk_file {
	struct disk disk;
	int fd;
	int medium_fd;  /* O_DIRECT, or -1 where the file system has none */
	uint64_t start; /* of the window */
};

static gboolean file_read_at(struct disk_file *file, int fd, uint64_t offset, uint8_t *bytes,
			     size_t size_bytes, GError **error)
{
	size_t done = 0;

	while (done < size_bytes) {
		const ssize_t got = pread(fd, bytes + done, size_bytes - done,
					  (off_t)(file->start + offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failure_set(error, FAULT_DISK_READ,
					   "cannot read %s at %" G_GUINT64_FORMAT ": %s",
					   file->disk.name, offset + done, g_strerror(errno));
		if (got == 0)
			return failure_set(error, FAULT_DISK_READ, "%s ends at %" G_GUINT64_FORMAT,
					   file->disk.name, offset + done);
		done += (size_t)got;
	}
	return TRUE;
}

static gboolean file_read(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	struct disk_file *file = (struct disk_file *)disk;

	return file_read_at(file, file->fd, offset, bytes, size_bytes, error);
}

static gboolean file_write_at(struct disk_file *file, int fd, uint64_t offset, const uint8_t *bytes,
			      size_t size_bytes, GError **error)
{
	size_t done = 0;

	while (done < size_bytes) {
		const ssize_t put = pwrite(fd, bytes + done, size_bytes - done,
					   (off_t)(file->start + offset + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return failure_set(error, FAULT_DISK_WRITE,
					   "cannot write %s at %" G_GUINT64_FORMAT ": %s",
					   file->disk.name, offset + done,
					   put == 0 ? "nothing was taken" : g_strerror(errno));
		done += (size_t)put;
	}
	return TRUE;
}

static gboolean file_write(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			   size_t size_bytes, GError **error)
{
	struct disk_file *file = (struct disk_file *)disk;

	return file_write_at(file, file->fd, offset, bytes, size_bytes, error);
}

static gboolean file_write_medium(struct disk *disk, uint64_t offset, const uint8_t *bytes,
				  size_t size_bytes, GError **error)
{
	struct disk_file *file = (struct disk_file *)disk;

	return file_write_at(file, file->medium_fd >= 0 ? file->medium_fd : file->fd, offset, bytes,
			     size_bytes, error);
}

/* On a block device the kernel has the medium zero its blocks if it can; in a file: a hole. */
static gboolean file_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes)
{
	const struct disk_file *file = (const struct disk_file *)disk;

	return fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(file->start + offset), (off_t)size_bytes) == 0;
}

static void file_discard(struct disk *disk, uint64_t offset, uint64_t size_bytes)
{
	const struct disk_file *file = (const struct disk_file *)disk;
	const uint64_t range[] = { file->start + offset, size_bytes };

	if (ioctl(file->fd, BLKDISCARD, range) < 0)        /* a file, or a medium without it: */
		(void)file_zero(disk, offset, size_bytes); /* only a hint, it may fail too */
}

static gboolean file_flush(struct disk *disk, GError **error)
{
	struct disk_file *file = (struct disk_file *)disk;

	if (fdatasync(file->fd) < 0)
		return failure_set(error, FAULT_DISK_FLUSH, "cannot flush %s: %s", disk->name,
				   g_strerror(errno));
	return TRUE;
}

static gboolean file_read_medium(struct disk *disk, uint64_t offset, uint8_t *bytes,
				 size_t size_bytes, GError **error)
{
	struct disk_file *file = (struct disk_file *)disk;

	if (file->medium_fd >= 0)
		return file_read_at(file, file->medium_fd, offset, bytes, size_bytes, error);
	/* Without O_DIRECT (tmpfs) dropping the flushed pages is the nearest thing there is; that
	 * it did not work shows only in what is not noticed, so its result is of no use. */
	(void)posix_fadvise(file->fd, (off_t)(file->start + offset), (off_t)size_bytes,
			    POSIX_FADV_DONTNEED);
	return file_read_at(file, file->fd, offset, bytes, size_bytes, error);
}

/* Opened anew, not duplicated: a duplicate could write as ours can. */
static int file_reader(struct disk *disk, uint64_t *ret_start)
{
	const struct disk_file *file = (const struct disk_file *)disk;
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file->fd);

	*ret_start = file->start;
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static void file_close(struct disk *disk)
{
	struct disk_file *file = (struct disk_file *)disk;

	/* Whoever wrote has flushed and seen the result; closing cannot lose anything. */
	(void)close(file->fd);
	if (file->medium_fd >= 0)
		(void)close(file->medium_fd);
	g_free(disk->name);
	g_free(file);
}

static const struct disk_ops FILE_OPS = {
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.read_medium = file_read_medium,
	.write_medium = file_write_medium,
	.zero = file_zero,
	.discard = file_discard,
	.reader = file_reader,
	.close = file_close,
};

static gboolean file_size(int fd, const char *path, uint64_t *ret_size, GError **error)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return failure_set(error, FAULT_DISK_OPEN, "cannot examine %s: %s", path,
				   g_strerror(errno));
	if (S_ISREG(status.st_mode)) {
		*ret_size = (uint64_t)status.st_size;
		return TRUE;
	}
	if (!S_ISBLK(status.st_mode) || ioctl(fd, BLKGETSIZE64, ret_size) < 0)
		return failure_set(error, FAULT_DISK_OPEN, "%s is no file and no block device",
				   path);
	return TRUE;
}

static int file_open_flags(const char *path, enum disk_mode mode)
{
	struct stat status;
	const int flags = O_CLOEXEC | O_NOCTTY | (mode == DISK_READ_ONLY ? O_RDONLY : O_RDWR);
	const gboolean is_device = stat(path, &status) == 0 && S_ISBLK(status.st_mode);

	/* On a block device O_EXCL asks for it alone: refused while mounted or under dm-verity. */
	return is_device && mode == DISK_READ_WRITE ? flags | O_EXCL : flags;
}

struct disk *disk_open_file(const char *path, enum disk_mode mode, uint64_t offset,
			    uint64_t size_bytes, GError **error)
{
	const int flags = file_open_flags(path, mode);
	g_autofree struct disk_file *file = g_new0(struct disk_file, 1);
	uint64_t whole = 0;

	file->fd = open(path, flags);
	if (file->fd < 0) {
		failure_set(error, errno == EBUSY ? FAULT_DISK_BUSY : FAULT_DISK_OPEN,
			    errno == EBUSY ? "%s is in use: %s" : "cannot open %s: %s", path,
			    g_strerror(errno));
		return NULL;
	}
	if (!file_size(file->fd, path, &whole, error)) {
		(void)close(file->fd); /* nothing was written */
		return NULL;
	}
	if (offset > whole || size_bytes > whole - offset) {
		failure_set(error, FAULT_DISK_RANGE, "%s has only %" G_GUINT64_FORMAT " bytes",
			    path, whole);
		(void)close(file->fd); /* nothing was written */
		return NULL;
	}
	file->medium_fd = open(path, (flags & ~O_EXCL) | O_DIRECT);
	file->start = offset;
	file->disk.ops = &FILE_OPS;
	file->disk.size_bytes = size_bytes > 0 ? size_bytes : whole - offset;
	file->disk.name = g_strdup(path);
	return &((struct disk_file *)g_steal_pointer(&file))->disk;
}

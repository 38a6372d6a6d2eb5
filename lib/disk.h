/* SPDX-License-Identifier: MIT */
#pragma once
/* Disks: the one small interface through which everything reads, writes and flushes.
 *
 * A disk is a partition, a window of a file, or (in tests) a simulated medium. Offsets and sizes
 * are in bytes. Nothing else in the library touches a block device. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct disk;
typedef struct disk Disk; /* for g_autoptr() only */

struct disk_ops {
	gboolean (*read)(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			 GError **error);
	gboolean (*write)(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			  size_t size_bytes, GError **error);
	/* Returns after everything that was written is on the medium. */
	gboolean (*flush)(struct disk *disk, GError **error);
	/* Reads what is on the medium, not what a cache remembers. Offset, size and address are
	 * multiples of 4096. */
	gboolean (*read_medium)(struct disk *disk, uint64_t offset, uint8_t *bytes,
				size_t size_bytes, GError **error);
	/* May be NULL, then write() does it: writes past the caches, for long runs that will be
	 * read with read_medium(). Aligned as there. */
	gboolean (*write_medium)(struct disk *disk, uint64_t offset, const uint8_t *bytes,
				 size_t size_bytes, GError **error);
	/* May be NULL: makes whole blocks zeros without writing them out. FALSE: not here. */
	gboolean (*zero)(struct disk *disk, uint64_t offset, uint64_t size_bytes);
	/* May be NULL: tells the medium that nobody needs these blocks. What they hold is open. */
	void (*discard)(struct disk *disk, uint64_t offset, uint64_t size_bytes);
	/* May be NULL: a new descriptor that only reads, and where the disk begins in it. */
	int (*reader)(struct disk *disk, uint64_t *ret_start);
	void (*close)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
	uint64_t size_bytes;
	char *name; /* for messages; owned by the implementation */
};

/* Each refuses what reaches outside of the disk with FAULT_DISK_RANGE. */
gboolean disk_read(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
		   GError **error);
gboolean disk_write(struct disk *disk, uint64_t offset, const uint8_t *bytes, size_t size_bytes,
		    GError **error);
gboolean disk_flush(struct disk *disk, GError **error);
gboolean disk_read_medium(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error);
gboolean disk_write_medium(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			   size_t size_bytes, GError **error);
/* Whole blocks of 4096 bytes become zeros; where the medium can, nothing is written for that. */
gboolean disk_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes, GError **error);
/* Only a hint; of ranges that reach outside nothing is told. */
void disk_discard(struct disk *disk, uint64_t offset, uint64_t size_bytes);
/* For another process: a descriptor that can read the disk, and no more; offset 0 of the disk is
 * *ret_start there. The caller closes it. -1 with FAULT_DISK_READ. */
int disk_reader(struct disk *disk, uint64_t *ret_start, GError **error);
void disk_close(struct disk *disk); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Disk, disk_close)

enum disk_mode {
	DISK_READ_ONLY,
	DISK_READ_WRITE,   /* a block device is opened exclusively: FAULT_DISK_BUSY if mounted */
	DISK_SHARED_WRITE, /* not exclusively: for the boot record only */
};

/* A window of a file or block device; size 0 means up to its end. */
struct disk *disk_open_file(const char *path, enum disk_mode mode, uint64_t offset,
			    uint64_t size_bytes, GError **error);

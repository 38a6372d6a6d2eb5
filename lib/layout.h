/* SPDX-License-Identifier: MIT */
#pragma once
/* Layout: the partitions of the native layout on one disk, found by GPT label and type. */

#include <glib.h>

#include "disk.h"
#include "slot.h"

struct layout_part {
	char *path;      /* device node of the partition, or the file that holds the disk */
	uint64_t offset; /* of the window in a file; 0 for a device node */
	uint64_t size_bytes;
	/* How it is opened, for media that have no path: a simulated one. NULL: by the path. */
	struct disk *(*open)(const struct layout_part *part, enum disk_mode mode, GError **error);
};

struct layout {
	char *disk;
	struct layout_part state;
	struct layout_part boot[SLOT_COUNT];
	struct layout_part root[SLOT_COUNT];
};
typedef struct layout Layout; /* for g_autoptr() only */

/* `disk` is a whole-disk device or a file. FAULT_PART_TABLE, _MISSING, _TWICE say what is wrong. */
struct layout *layout_find(const char *disk, GError **error);
/* The partition for what survives updates, which not every disk needs. The caller frees its path.
 * The same faults. */
gboolean layout_find_var(const char *disk, struct layout_part *ret_part, GError **error);
/* Whether a partition or file holds nothing: its first MiB is zeros, and libblkid knows nothing of
 * what is on it. FAULT_DISK_OPEN, _READ. */
gboolean layout_is_blank(const char *path, gboolean *ret_blank, GError **error);
void layout_free(struct layout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Layout, layout_free)

struct disk *layout_open(const struct layout_part *part, enum disk_mode mode, GError **error);

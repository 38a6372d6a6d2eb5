/* SPDX-License-Identifier: MIT */
#pragma once
/* What a machine keeps, remembered and put back: a sparse disk in a file, and a folder. */

#include <glib.h>

struct faultdisk;
typedef struct faultdisk Faultdisk; /* for g_autoptr() only */

/* Remembers both as they are; a folder that is not there will not be there again. */
struct faultdisk *faultdisk_save(const char *disk, const char *folder);
void faultdisk_restore(const struct faultdisk *saved);
void faultdisk_free(struct faultdisk *saved);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Faultdisk, faultdisk_free)

/* Equal disks, with files of equal names and sizes, have equal names; what stands in the files may
 * be a time. The caller frees. */
char *faultdisk_name(const char *disk, const char *folder);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Boot information: what azboot (EFI variables) and azverity (run_dir/boot.json) left for us. */

#include <glib.h>

#include "slot.h"

struct bootinfo {
	unsigned running;      /* SLOT_NONE: not booted from a slot */
	char *disk;            /* the disk it runs from, NULL if unknown */
	char *root_hash;       /* hex, of the root in use */
	uint32_t fault;        /* what azboot met, 0 nothing or unknown */
	char *reason;          /* azboot's word for its choice; NULL without azboot */
	guint64 floor;         /* below which azboot starts nothing; 0 none, or unknown */
	guint64 counter_limit; /* how far azboot lets the TPM's counter (docs/FLOOR.md) be moved at
				* this boot; 0 not told */
	guint64 time_us;       /* azboot, from entry to handing over; 0 unknown */
};
typedef struct bootinfo Bootinfo; /* for g_autoptr() only */

/* Never fails: what is missing or damaged is unknown. */
struct bootinfo *bootinfo_read(const char *run_dir, const char *efivars_dir);
void bootinfo_free(struct bootinfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bootinfo, bootinfo_free)

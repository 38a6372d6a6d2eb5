/* SPDX-License-Identifier: MIT */
#pragma once
/* Root: finds the slot that holds the signed root image, and mounts it with var.
 *
 * The slot is found by content. Labels and hints only say where to look first, so that a kernel
 * can never run with the root of the other slot, whatever the disk or the firmware tell. */

#include "cmdline.h"
#include "fault.h"
#include "hint.h"
#include "partition.h"

struct root {
	unsigned slot;
	struct partition partition;
};

/* Waits for the disk. Mounts the image read-only on `target`. FAULT_ROOT_NOT_FOUND, _ROOT_VERITY,
 * _ROOT_SIGNATURE, _ROOT_MOUNT. */
fault root_mount(const struct cmdline *cmdline, const struct hint *hint, const char *target,
		 struct root *ret_root);

/* Mounts var of the same disk below it; if it is encrypted, azunlock must have unlocked it.
 * FAULT_VAR_MOUNT. */
fault root_mount_var(const struct root *root, const struct cmdline *cmdline, const char *target);

/* In its place, where it cannot be mounted: an empty one in memory, gone with this boot.
 * FAULT_VAR_MOUNT. */
fault root_mount_no_var(const char *target);

/* Tells the running system what it runs from: boot.json in `folder`. FAULT_STATE_FILE. */
fault root_report(const struct root *root, const struct cmdline *cmdline, const char *folder);

/* systemd looks at roothash= too, would look for that root by partition UUIDs, and would make the
 * boot wait for them. Takes its generator out for this boot, by way of the `run` folder. */
void root_claim(const char *run);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Switch root: gives the initrd's memory back and starts the system's own init. */

#include "fault.h"

/* Moves dev, proc, sys and run to `root` and starts its `init` in place of this process. Comes
 * back only on failure: FAULT_INIT_START. */
fault switchroot_start(const char *root, const char *init);

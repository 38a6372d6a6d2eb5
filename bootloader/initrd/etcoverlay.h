/* SPDX-License-Identifier: MIT */
#pragma once
/* Overlay of /etc: has azetc, a program of the verified root image, lay this machine's changes,
 * which stand in var, over the /etc of that image. */

#include <stdbool.h>

#include "fault.h"

/* For a root at `root` with its var mounted; `is_lost`: an empty one is, in place of the machine's.
 * The image's own /etc stays visible, read-only, as `run`/azupdate/etc-defaults. azetc's fault, or
 * FAULT_ETC_MOUNT: then nothing is laid over it, and the system must not start unless its release
 * says otherwise, since what keeps others out of it may be among the changes. */
fault etcoverlay_mount(const char *root, const char *run, bool is_lost);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Overlay of /etc: has azetc, a program of the verified root image, lay this machine's changes,
 * which stand in var, over the /etc of that image. */

#include "fault.h"

/* For a root at `root` with its var mounted. The image's own /etc stays visible, read-only, as
 * `run`/azupdate/etc-defaults. azetc's fault, or FAULT_ETC_MOUNT: then nothing is laid over it, and
 * the system must not start, since what keeps others out of it may be among the changes. */
fault etcoverlay_mount(const char *root, const char *run);

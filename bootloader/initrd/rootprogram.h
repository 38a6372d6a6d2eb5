/* SPDX-License-Identifier: MIT */
#pragma once
/* Root program: runs a program of the verified root image before the root is switched to. */

#include <stdbool.h>

#include "fault.h"

/* In the root image at `root`, with /dev, /proc, /sys and /run as they are here; what it mounts
 * elsewhere stays. `program` is a path in the image, `option` its only argument, or NULL. Whether
 * it has ended well. */
bool rootprogram_run(const char *root, const char *program, const char *option);
/* What one that has ended badly has noted: the fault's number in RUN/azupdate/NAME; `other` where
 * it has noted none. */
fault rootprogram_fault(const char *run, const char *name, fault other);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Fault note: leaves in the boot record why this boot failed, so that after the way back the
 * daemon can tell. Best effort: the reset that follows costs a try whether or not it works. */

#include <stdbool.h>

#include "fault.h"
#include "hint.h"

/* True if it was stored. */
bool faultnote_store(const struct hint *hint, fault why);

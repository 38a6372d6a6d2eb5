/* SPDX-License-Identifier: MIT */
#pragma once
/* Tell: volatile EFI variables by which the system learns what azboot did (lib/core/parts.h), and
 * those of the Boot Loader Interface that bootctl and systemd-analyze read. */

#include "clock.h"
#include "decision.h"
#include "disk.h"

/* Once, at the start. */
void tell_loader(const struct disk *disk, uint64_t start_us);

/* Right before a slot is started. */
void tell_decision(const struct decision *decision, const struct clock *clock);

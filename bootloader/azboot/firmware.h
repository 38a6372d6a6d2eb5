/* SPDX-License-Identifier: MIT */
#pragma once
/* Firmware: the way to it, and the watchdog. */

#include "efi.h"

/* The one global, set at entry: check_failed() has no parameter that could carry it. Services are
 * called through the table each time, since shim 16 replaces some of its entries. */
extern struct efi_system_table *firmware;

/* The machine resets if azboot, or the kernel's stub after it, hangs. Firmware disarms it at
 * ExitBootServices. */
void firmware_watchdog_arm(void);

_Noreturn void firmware_reset(void);

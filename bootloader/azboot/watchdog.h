/* SPDX-License-Identifier: MIT */
#pragma once
/* Watchdog: the hardware's, as ACPI's WDAT tells of it. Firmware's own watchdog ends at
 * ExitBootServices; this one goes on, and resets the machine whatever the kernel does, until the
 * kernel's driver has taken it over. Where there is none, nothing happens. */

void watchdog_arm(unsigned seconds);
void watchdog_stop(void);

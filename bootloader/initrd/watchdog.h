/* SPDX-License-Identifier: MIT */
#pragma once
/* Watchdog: the hardware's, from the initrd on. azboot may have started it; the kernel's driver
 * kept it alive since it was loaded, whatever userspace does, and that ends here. */

/* The machine is reset if nobody (so systemd) has taken the watchdog over within so many seconds.
 * A machine without one is told of, and starts all the same. */
void watchdog_arm(unsigned seconds);

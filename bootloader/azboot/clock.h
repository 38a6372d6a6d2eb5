/* SPDX-License-Identifier: MIT */
#pragma once
/* Clock: microseconds since the processor was reset, for the times that systemd-analyze shows. */

#include <stdint.h>

struct clock {
	uint64_t ticks_per_ms;
};

/* Asks the processor or hypervisor for the speed; measures for 1 ms if neither knows it. */
void clock_init(struct clock *ret_clock);
uint64_t clock_us(const struct clock *clock);

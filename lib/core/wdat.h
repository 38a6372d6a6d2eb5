/* SPDX-License-Identifier: MIT */
#pragma once
/* WDAT: ACPI's description of a hardware watchdog, as steps on registers. It is what makes one
 * program arm the watchdog of many chipsets and virtual machines.
 * Format: Microsoft, Hardware Watchdog Timers Design Specification, 2006, section 2. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WDAT_SIZE_MAX = 4096 };

enum wdat_action {
	WDAT_RESET = 0x01, /* begin the count anew */
	WDAT_SET_COUNT = 0x06,
	WDAT_SET_RUNNING = 0x09,
	WDAT_SET_STOPPED = 0x0b,
	WDAT_SET_REBOOT = 0x11, /* the end of the count is to be a reset */
};

struct wdat {
	const uint8_t *entries;
	unsigned entry_count;
	uint32_t period_ms; /* of one count */
	uint32_t count_min;
	uint32_t count_max;
};

/* One write. The register is read first if bits outside of `mask` are to be kept. */
struct wdat_write {
	uint64_t address;
	bool in_memory;      /* else in the I/O space */
	unsigned size_bytes; /* 1, 2 or 4 */
	bool keep;
	uint32_t mask; /* of the bits written, where they stand in the register */
	uint32_t bits; /* the same */
};

/* Whether the bytes are a sound table of an enabled watchdog that counts. */
bool wdat_decode(const uint8_t *bytes, size_t size_bytes, struct wdat *ret_wdat);

/* The count for so many seconds, in the watchdog's bounds. */
uint32_t wdat_count(const struct wdat *wdat, unsigned seconds);

/* The next write of an action from entry *next on; *next moves behind it. False: no more. */
bool wdat_step(const struct wdat *wdat, enum wdat_action action, uint32_t count, unsigned *next,
	       struct wdat_write *ret_write);

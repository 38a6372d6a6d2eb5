/* SPDX-License-Identifier: MIT */
#pragma once
/* Kernel arguments: the NAME=VALUE words of a kernel command line, found in place by the kernel's
 * own rules. azboot reads a UKI's command line so, azverity the one it was started with. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNELARG_WATCHDOG_S_MAX = 3600 };

struct kernelarg {
	const char *start;
	size_t size_bytes;
};

/* The next word from *at on, which is 0 at first and is moved behind it. The text ends at a NUL, at
 * `size_bytes`, or at the word "--": what stands behind that is init's. False at the end. */
bool kernelarg_next(const char *text, size_t size_bytes, size_t *at, struct kernelarg *ret_word);

/* How often NAME=VALUE is there; the last value comes back, or an empty one. */
unsigned kernelarg_find(const char *text, size_t size_bytes, const char *name,
			struct kernelarg *ret_value);

/* A decimal number from 1 to `max`. On failure *ret_number is untouched. */
bool kernelarg_number(struct kernelarg value, uint64_t max, uint64_t *ret_number);

/* azupdate.watchdog=SECONDS: how long each stage of the boot may take until the next one has taken
 * over the hardware's watchdog. 0 if it is not given, or not once, or not from 1 to 3600: then no
 * stage touches the watchdog, for one that nobody takes over resets a healthy machine. */
unsigned kernelarg_watchdog_s(const char *text, size_t size_bytes);

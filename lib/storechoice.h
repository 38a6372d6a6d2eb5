/* SPDX-License-Identifier: MIT */
#pragma once
/* Store choice: which stored release goes next, to keep a history within its limits. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct storechoice_entry {
	uint64_t time_s; /* when it was stored */
	bool in_slot;    /* a slot holds it now: dropping it would only mean to store it again */
};

struct storechoice_limits {
	unsigned history;   /* stored releases beside those that stand in slots */
	uint64_t bytes_max; /* of the whole store; 0: no limit */
};

enum { STORECHOICE_NONE = -1 };

/* The entry to drop next, or STORECHOICE_NONE. Ask again after it is gone, with the store's size
 * then: what releases share is freed with the last of them. Oldest first; what a slot holds goes
 * only for the size, and after all others. */
int storechoice_next(const struct storechoice_entry *entries, size_t count, uint64_t store_bytes,
		     const struct storechoice_limits *limits);

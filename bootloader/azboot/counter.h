/* SPDX-License-Identifier: MIT */
#pragma once
/* Counter: what the TPM's counter (nvcounter.h) has to say about the floor, and the variable
 * AzbootCounter, in which azboot remembers it. Like AzbootFloor that has no runtime access; one
 * that has was made by the running system, and is nothing. */

#include <stdint.h>

#include "nvcounter.h"

struct counter {
	struct nvcounter now; /* index 0: no TPM, or it has no counter of ours */
	struct nvcounter_memory memory;
};

/* Any failure is as if there were no counter: the floor of the variable holds alone. */
struct counter counter_read(void);

/* Remembers what belongs to the floor in force, in counter->memory and for the next boot. Stores
 * only with Secure Boot on. */
void counter_remember(struct counter *counter, uint64_t floor);

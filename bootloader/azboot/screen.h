/* SPDX-License-Identifier: MIT */
#pragma once
/* Screen: plain text on the firmware's console. A machine without a console is fine. */

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"

void screen_clear(void);
void screen_text(const char *ascii);
void screen_number(uint64_t number);

/* Whether a key was pressed, and which. */
bool screen_key(uint16_t *ret_unicode);

/* Waits for a key, at most so long. */
bool screen_wait_key(unsigned seconds, uint16_t *ret_unicode);

/* What stands in each slot, with the sentence of its fault. */
void screen_slots(const struct slot_table *table);

/* Nothing can be booted: says why, and what to do. */
void screen_nothing(const struct slot_table *table, fault why);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Menu: only for who holds a key down while the machine starts. */

#include "slot.h"

/* Asks which slot to boot this once: SLOT_NONE if no key is down, or for the usual choice. The
 * answer is a wish: slot_choose() still decides whether that slot may boot. */
unsigned menu_ask(const struct slot_table *table);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Publishing: what is known of the machine, as properties on the bus. Unknown strings are "". */

#include "bus.h"
#include "machine.h"

/* Before the machine was read for the first time. */
void publish_manager_unknown(BusManager *manager);
void publish_slot_unknown(BusSlot *slot);

void publish_manager(BusManager *manager, const struct machine_status *status);
void publish_slot(BusSlot *face, const struct machine_slot *slot);

/* "empty", "staged", "trial", "good", "bad" */
const char *publish_state_name(enum slot_state state);
/* "a", "b", or "" for SLOT_NONE. */
const char *publish_slot_name(unsigned slot);

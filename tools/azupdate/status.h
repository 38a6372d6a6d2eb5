/* SPDX-License-Identifier: MIT */
#pragma once
/* Status: what the daemon knows, gathered once and shown in two ways. */

#include "client.h"

enum { STATUS_SLOTS = 2 };

struct status {
	BusManager *manager;
	BusSlot *slots[STATUS_SLOTS];
	GPtrArray *jobs; /* of BusJob */
};

void status_print_text(const struct status *status);
void status_print_json(const struct status *status);

/* "a" and "b". */
const char *status_slot_name(unsigned index);

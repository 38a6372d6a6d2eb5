/* SPDX-License-Identifier: MIT */
#pragma once
/* Decision: what azboot is about to do, as it is told to the system and measured. */

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"

struct decision {
	unsigned slot;
	enum slot_reason reason;
	fault fault; /* met at this boot, before this slot was started */
	bool is_stored;
	uint64_t floor;
	uint64_t counter_limit; /* 0: the TPM has no counter */
	uint64_t security_version;
};

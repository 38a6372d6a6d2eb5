/* SPDX-License-Identifier: MIT */
#include "storechoice.h"

static int oldest(const struct storechoice_entry *entries, size_t count, bool in_slot)
{
	int found = STORECHOICE_NONE;

	for (size_t i = 0; i < count; i++)
		if (entries[i].in_slot == in_slot &&
		    (found == STORECHOICE_NONE || entries[i].time_s < entries[found].time_s))
			found = (int)i;
	return found;
}

int storechoice_next(const struct storechoice_entry *entries, size_t count, uint64_t store_bytes,
		     const struct storechoice_limits *limits)
{
	const bool too_large = limits->bytes_max != 0 && store_bytes > limits->bytes_max;
	const int past = oldest(entries, count, false);
	size_t past_count = 0;

	for (size_t i = 0; i < count; i++)
		past_count += !entries[i].in_slot;
	if (past_count > limits->history || (too_large && past != STORECHOICE_NONE))
		return past;
	return too_large ? oldest(entries, count, true) : STORECHOICE_NONE;
}

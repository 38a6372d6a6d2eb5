/* SPDX-License-Identifier: MIT */
#include "backoff.h"

#include <glib.h>

enum { DOUBLINGS_MAX = 20 };

static uint64_t wait_draw(const struct backoff *backoff, uint32_t chance, uint64_t asked_ms)
{
	const unsigned doublings = MIN(backoff->failures, DOUBLINGS_MAX);
	const uint64_t bound = MIN((uint64_t)backoff->first_ms << doublings, backoff->most_ms);

	return MAX(chance % (bound + 1), MIN(asked_ms, backoff->most_ms));
}

bool backoff_fail(struct backoff *backoff, int64_t now_ms, uint32_t chance, uint64_t asked_ms)
{
	int64_t end_ms;

	if (backoff->failures > 0 && now_ms < backoff->until_ms)
		return true;
	if (backoff->failures == 0)
		backoff->since_ms = now_ms;
	end_ms = backoff->since_ms + (int64_t)backoff->patience_ms;
	if (now_ms >= end_ms)
		return false;
	backoff->until_ms = MIN(now_ms + (int64_t)wait_draw(backoff, chance, asked_ms), end_ms);
	backoff->failures++;
	return true;
}

void backoff_succeed(struct backoff *backoff)
{
	backoff->failures = 0;
	backoff->until_ms = 0;
}

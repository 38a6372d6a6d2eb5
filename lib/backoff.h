/* SPDX-License-Identifier: MIT */
#pragma once
/* Back-off: when to try again after a failure, and when to give up. Pure: clock and chance are
 * given. Waits are drawn evenly from 0 to a bound that doubles ("full jitter"), so that many
 * machines that lost the same server do not come back at once. */

#include <stdbool.h>
#include <stdint.h>

struct backoff {
	unsigned first_ms;    /* the first bound */
	unsigned most_ms;     /* the last bound */
	uint64_t patience_ms; /* from the first failure in a row to giving up */
	unsigned failures;    /* in a row */
	int64_t since_ms;     /* of the first of them */
	int64_t until_ms;     /* no new try before */
};

/* Counts a failure and sets until_ms. A failure while waiting is part of the one that is waited
 * for. asked_ms is the least that the server asks for, capped to most_ms. The last try is made when
 * patience ends; false: it has ended. */
bool backoff_fail(struct backoff *backoff, int64_t now_ms, uint32_t chance, uint64_t asked_ms);
void backoff_succeed(struct backoff *backoff);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Waves: when a machine's turn comes in a rollout. Pure: the same machine has the same turn
 * wherever it is computed, so no server counts anything. */

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"

enum { WAVE_FIRST_S = 3600 }; /* the first wave is spread over so many seconds, or to the second */

/* The machine's place in the queue, from 0 (first) to UINT64_MAX: HMAC-SHA-256 of the salt, keyed
 * with the machine-id as 32 hex characters. */
uint64_t wave_place(const char *machine_id, const char *salt);

/* When the turn of that place comes, since 1970; false: the waves so far do not reach it. The
 * machines of a wave come evenly spread between its point and the one before. */
bool wave_turn(const struct channel_rollout *rollout, uint64_t place, int64_t *ret_time_s);

/* How many permille of all machines have had their turn at that time. A pause is not looked at. */
double wave_share(const struct channel_rollout *rollout, int64_t now_s);

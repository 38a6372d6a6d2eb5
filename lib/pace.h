/* SPDX-License-Identifier: MIT */
#pragma once
/* Pace: how fast bytes may come, and how slowly. Pure: the clock is given, in microseconds. */

#include <stdbool.h>
#include <stdint.h>

/* A limit: each byte costs time, and may be paid behind its arrival. */
struct pace_limit {
	uint64_t bytes_s; /* 0: no limit */
	int64_t paid_us;  /* what has come so far is paid for at this time */
};

/* How long nothing more should be taken; 0: go on. */
int64_t pace_limit_wait_us(const struct pace_limit *limit, int64_t now_us);
void pace_limit_charge(struct pace_limit *limit, int64_t now_us, uint64_t bytes);

/* A minimum: less than bytes_s on average over time_us is as good as nothing. */
struct pace_minimum {
	uint64_t bytes_s; /* 0: none */
	int64_t time_us;
	int64_t since_us; /* of the window that is counted now */
	uint64_t bytes;   /* in it */
};

void pace_minimum_start(struct pace_minimum *minimum, int64_t now_us);
/* Time that does not count, because nobody wanted bytes. */
void pace_minimum_skip(struct pace_minimum *minimum, int64_t skipped_us);
/* Whether a window has ended with too few bytes; then the next one starts. */
bool pace_minimum_missed(struct pace_minimum *minimum, int64_t now_us);

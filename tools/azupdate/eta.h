/* SPDX-License-Identifier: MIT */
#pragma once
/* Pace: from samples of how far something is to how fast it goes and how long it will take. Pure:
 * the caller brings the clock, in microseconds from any start. */

#include <stdbool.h>
#include <stdint.h>

/* Exponentially smoothed over a few seconds, whatever the distance of the samples. */
struct rate {
	int64_t time_us;
	uint64_t bytes;
	double smooth;
	double weight; /* how much of `smooth` is from samples, 0 to 1 */
};

void rate_start(struct rate *rate, int64_t time_us, uint64_t bytes);
/* Fewer bytes than before: counting began anew, which says nothing of the speed. */
void rate_add(struct rate *rate, int64_t time_us, uint64_t bytes);
uint64_t rate_bytes_s(const struct rate *rate); /* 0: unknown, or it stands still */
/* -1: unknown, or more than four days. */
int64_t rate_left_s(const struct rate *rate, uint64_t left_bytes);

/* A job's progress, as the bus tells it. */
struct eta_sample {
	int64_t time_us;
	bool step_is_new;
	uint64_t done_bytes;
	uint64_t total_bytes; /* 0: unknown */
	uint64_t fetched_bytes;
	uint64_t fetch_bytes; /* 0: unknown */
};

struct eta { /* all zero at first */
	struct rate step;
	struct rate fetch;
	bool fetch_is_known;
	uint64_t fetch_first; /* fetched when it became known how much there is */
};

/* What is worth showing: the fetching from its first byte to its last, since that is what takes
 * long, otherwise the step. */
struct eta_view {
	bool is_fetch;
	uint64_t done_bytes; /* up to total_bytes */
	uint64_t total_bytes;
	uint64_t bytes_s; /* 0: unknown, or it stands still */
	int64_t left_s;   /* -1: unknown */
};

struct eta_view eta_add(struct eta *eta, const struct eta_sample *sample);

/* SPDX-License-Identifier: MIT */
#include "pace.h"

#include <glib.h>

static const int64_t SECOND_US = 1000000;

/* What was not used is lost but for this much, so that a pause does not end in a flood. */
static const int64_t BURST_US = 250000;

int64_t pace_limit_wait_us(const struct pace_limit *limit, int64_t now_us)
{
	return limit->bytes_s == 0 ? 0 : MAX(limit->paid_us - now_us, 0);
}

void pace_limit_charge(struct pace_limit *limit, int64_t now_us, uint64_t bytes)
{
	if (limit->bytes_s == 0)
		return;
	limit->paid_us = MAX(limit->paid_us, now_us - BURST_US);
	limit->paid_us += (int64_t)((double)bytes * (double)SECOND_US / (double)limit->bytes_s);
}

void pace_minimum_start(struct pace_minimum *minimum, int64_t now_us)
{
	minimum->since_us = now_us;
	minimum->bytes = 0;
}

void pace_minimum_skip(struct pace_minimum *minimum, int64_t skipped_us)
{
	minimum->since_us += skipped_us;
}

bool pace_minimum_missed(struct pace_minimum *minimum, int64_t now_us)
{
	const int64_t passed_us = now_us - minimum->since_us;
	const uint64_t bytes = minimum->bytes;

	if (minimum->bytes_s == 0 || passed_us < minimum->time_us)
		return false;
	pace_minimum_start(minimum, now_us);
	return (double)bytes * (double)SECOND_US < (double)minimum->bytes_s * (double)passed_us;
}

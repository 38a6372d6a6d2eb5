/* SPDX-License-Identifier: MIT */
#include "eta.h"

enum { SMOOTH_S = 4, LEFT_S_MAX = 96 * 3600 };

static const double SAMPLE_S_MIN = 0.1;
static const double BYTES_S_MAX = 1e15;

void rate_start(struct rate *rate, int64_t time_us, uint64_t bytes)
{
	*rate = (struct rate){ .time_us = time_us, .bytes = bytes };
}

/* `weight` grows as `smooth` does, from nothing: the quotient has no memory of the zero at the
 * start. Samples that are too close to each other count as one. */
void rate_add(struct rate *rate, int64_t time_us, uint64_t bytes)
{
	const double seconds = (double)(time_us - rate->time_us) / 1e6;
	const double part = seconds / (SMOOTH_S + seconds);
	const bool is_anew = bytes < rate->bytes;

	if (!is_anew && seconds < SAMPLE_S_MIN)
		return;
	if (!is_anew) {
		const double bytes_s = (double)(bytes - rate->bytes) / seconds;

		rate->smooth += part * (bytes_s - rate->smooth);
		rate->weight += part * (1 - rate->weight);
	}
	rate->time_us = time_us;
	rate->bytes = bytes;
}

uint64_t rate_bytes_s(const struct rate *rate)
{
	const double bytes_s = rate->weight > 0 ? rate->smooth / rate->weight + 0.5 : 0;

	return (uint64_t)(bytes_s < BYTES_S_MAX ? bytes_s : BYTES_S_MAX);
}

int64_t rate_left_s(const struct rate *rate, uint64_t left_bytes)
{
	const uint64_t bytes_s = rate_bytes_s(rate);
	uint64_t left_s;

	if (bytes_s == 0)
		return -1;
	left_s = left_bytes / bytes_s + (left_bytes % bytes_s != 0);
	return left_s <= LEFT_S_MAX ? (int64_t)left_s : -1;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void fetch_add(struct eta *eta, const struct eta_sample *sample)
{
	if (sample->fetch_bytes != 0 && eta->fetch_is_known) {
		rate_add(&eta->fetch, sample->time_us, sample->fetched_bytes);
		return;
	}
	eta->fetch_is_known = sample->fetch_bytes != 0;
	eta->fetch_first = sample->fetched_bytes;
	rate_start(&eta->fetch, sample->time_us, sample->fetched_bytes);
}

struct eta_view eta_add(struct eta *eta, const struct eta_sample *sample)
{
	const struct rate *rate = &eta->step;
	struct eta_view view = { .done_bytes = sample->done_bytes,
				  .total_bytes = sample->total_bytes };

	fetch_add(eta, sample);
	if (sample->step_is_new)
		rate_start(&eta->step, sample->time_us, sample->done_bytes);
	else
		rate_add(&eta->step, sample->time_us, sample->done_bytes);
	if (eta->fetch_is_known && sample->fetched_bytes > eta->fetch_first &&
	    sample->fetched_bytes < sample->fetch_bytes) {
		rate = &eta->fetch;
		view.is_fetch = true;
		view.done_bytes = sample->fetched_bytes;
		view.total_bytes = sample->fetch_bytes;
	}
	view.done_bytes = smaller(view.done_bytes, view.total_bytes);
	view.bytes_s = rate_bytes_s(rate);
	view.left_s = view.total_bytes == 0 ? -1
					    : rate_left_s(rate, view.total_bytes - view.done_bytes);
	return view;
}

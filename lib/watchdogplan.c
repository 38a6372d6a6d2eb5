/* SPDX-License-Identifier: MIT */
#include "watchdogplan.h"

static struct watchdogplan trial_decide(const struct watchdogplan_input *input)
{
	const guint64 limit_us = (guint64)input->limit_s * G_USEC_PER_SEC;

	if (!input->has_device)
		return (struct watchdogplan){ .action = WATCHDOGPLAN_MISSING };
	/* A shorter time is somebody's wish. The device's own may be anything. */
	if (input->now_us != 0 && input->now_us <= limit_us)
		return (struct watchdogplan){ .action = WATCHDOGPLAN_LEAVE };
	return (struct watchdogplan){ .action = WATCHDOGPLAN_ARM, .time_us = limit_us };
}

struct watchdogplan watchdogplan_decide(const struct watchdogplan_input *input)
{
	const struct watchdogplan leave = { .action = WATCHDOGPLAN_LEAVE };

	if (input->limit_s > 0 && input->on_trial)
		return trial_decide(input);
	if (!input->remembered)
		return leave;
	return (struct watchdogplan){ .action = WATCHDOGPLAN_RESTORE, .time_us = input->before_us };
}

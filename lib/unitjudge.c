/* SPDX-License-Identifier: MIT */
#include "unitjudge.h"

#include <stdio.h>
#include <string.h>

static const char *const STATE_NAMES[] = {
	[UNITJUDGE_ACTIVE] = "active",     [UNITJUDGE_COMING] = "starting",
	[UNITJUDGE_INACTIVE] = "inactive", [UNITJUDGE_FAILED] = "failed",
	[UNITJUDGE_MISSING] = "missing",
};

static long seconds(gint64 time_us)
{
	return (long)(time_us / G_USEC_PER_SEC);
}

static enum unitjudge_verdict bad(char *ret_reason, const char *reason)
{
	snprintf(ret_reason, UNITJUDGE_REASON_MAX + 1, "%s", reason);
	return UNITJUDGE_BAD;
}

/* Not active, and it never was while it was watched. */
static enum unitjudge_verdict look_before(const struct unitjudge *judge,
					  const struct unitjudge_sample *sample, char *ret_reason)
{
	if (sample->state == UNITJUDGE_MISSING)
		return bad(ret_reason, "does not exist, or cannot be loaded");
	if (sample->state == UNITJUDGE_FAILED)
		return bad(ret_reason, "has failed");
	if (sample->now_us - judge->begin_us < judge->timeout_us)
		return UNITJUDGE_WAIT;
	snprintf(ret_reason, UNITJUDGE_REASON_MAX + 1, "was not active after %ld s, but %s",
		 seconds(judge->timeout_us), STATE_NAMES[sample->state]);
	return UNITJUDGE_BAD;
}

static gboolean is_another_run(const struct unitjudge_sample *first,
			       const struct unitjudge_sample *sample)
{
	return sample->restarts != first->restarts ||
	       sample->active_since_us != first->active_since_us ||
	       memcmp(sample->invocation, first->invocation, UNITJUDGE_INVOCATION_SIZE) != 0;
}

static enum unitjudge_verdict look_during(const struct unitjudge *judge,
					  const struct unitjudge_sample *sample, char *ret_reason)
{
	const struct unitjudge_sample *first = &judge->first;

	if (sample->state != UNITJUDGE_ACTIVE) {
		snprintf(ret_reason, UNITJUDGE_REASON_MAX + 1,
			 "was active, and is %s %ld s after its start", STATE_NAMES[sample->state],
			 seconds(sample->now_us - first->active_since_us));
		return UNITJUDGE_BAD;
	}
	if (is_another_run(first, sample)) {
		snprintf(ret_reason, UNITJUDGE_REASON_MAX + 1,
			 "was restarted within %ld s of its start",
			 seconds(sample->now_us - first->active_since_us));
		return UNITJUDGE_BAD;
	}
	return sample->now_us - first->active_since_us >= judge->soak_us ? UNITJUDGE_GOOD
									 : UNITJUDGE_WAIT;
}

enum unitjudge_verdict unitjudge_look(struct unitjudge *judge,
				      const struct unitjudge_sample *sample,
				      char ret_reason[static UNITJUDGE_REASON_MAX + 1])
{
	if (!judge->has_begun) {
		judge->has_begun = TRUE;
		judge->begin_us = sample->now_us;
	}
	if (!judge->was_active && sample->state == UNITJUDGE_ACTIVE) {
		judge->was_active = TRUE;
		judge->first = *sample;
	}
	return judge->was_active ? look_during(judge, sample, ret_reason)
				 : look_before(judge, sample, ret_reason);
}

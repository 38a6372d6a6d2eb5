/* SPDX-License-Identifier: MIT */
#include "belief.h"

#include <glib.h>
#include <string.h>

static unsigned bit(unsigned version)
{
	return version == 0 ? 0 : 1u << version;
}

unsigned expectation_allows(const struct expectation *expectation)
{
	const bool trial_over = expectation->trial == 0 || expectation->attempts > BELIEF_TRIES;
	unsigned allowed = 0;

	if (expectation->starts < BELIEF_TRIES)
		allowed |= bit(expectation->trial);
	if (trial_over)
		allowed |= bit(expectation->good != 0 ? expectation->good : expectation->other);
	if (trial_over && expectation->boots > BELIEF_FAILURES)
		allowed |= bit(expectation->other);
	if (trial_over && expectation->good == 0)
		allowed |= bit(expectation->trial); /* neither proved itself: in turn */
	/* Better a release that did not prove itself than none. */
	return allowed != 0 ? allowed : bit(expectation->trial);
}

unsigned belief_allows(const struct belief *belief)
{
	unsigned allowed = 0;

	for (unsigned i = 0; i < belief->count; i++)
		allowed |= expectation_allows(&belief->maybe[i]);
	return allowed;
}

static void belief_add(struct belief *belief, const struct expectation *expectation)
{
	for (unsigned i = 0; i < belief->count; i++)
		if (memcmp(&belief->maybe[i], expectation, sizeof *expectation) == 0)
			return;
	g_assert(belief->count < BELIEF_EXPECTATIONS);
	belief->maybe[belief->count++] = *expectation;
}

void belief_power(struct belief *belief)
{
	for (unsigned i = 0; i < belief->count; i++) {
		struct expectation *each = &belief->maybe[i];

		if (each->trial != 0)
			each->attempts++;
		if (each->trial == 0 || each->attempts > BELIEF_TRIES)
			each->boots++;
	}
}

bool belief_start(struct belief *belief, unsigned version)
{
	struct belief after = { .floor = belief->floor };

	for (unsigned i = 0; i < belief->count; i++) {
		struct expectation each = belief->maybe[i];

		if (each.trial < belief->floor) /* a version is its security version here */
			each.trial = 0;
		if ((expectation_allows(&each) & bit(version)) == 0)
			continue;
		if (version == each.trial && each.starts < BELIEF_TRIES)
			each.starts++;
		belief_add(&after, &each);
	}
	if (after.count == 0)
		return false;
	*belief = after;
	return true;
}

void effect_none(struct expectation *expectation, unsigned running, unsigned version)
{
	(void)expectation; /* the effects share one signature */
	(void)running;
	(void)version;
}

/* The slot that does not run is being filled: what stood there is gone. */
void effect_emptied(struct expectation *expectation, unsigned running, unsigned version)
{
	(void)version; /* it is not there yet */
	if (running != expectation->good)
		expectation->good = 0;
	if (running != expectation->other)
		expectation->other = 0;
	if (running == expectation->trial)
		return;
	expectation->trial = expectation->starts = expectation->attempts = 0;
}

void effect_staged(struct expectation *expectation, unsigned running, unsigned version)
{
	effect_emptied(expectation, running, version);
}

void effect_activated(struct expectation *expectation, unsigned running, unsigned version)
{
	const uint8_t before = expectation->good;

	(void)running; /* any slot can be activated */
	if (version == expectation->good || version == expectation->other) {
		/* A committed one needs no trial; one that was on trial is second choice now. */
		expectation->other = version == before ? expectation->other : before;
		expectation->good = (uint8_t)version;
		expectation->trial = 0;
	} else {
		if (expectation->good == 0)
			expectation->other = expectation->trial;
		expectation->trial = (uint8_t)version;
	}
	expectation->starts = expectation->attempts = expectation->boots = 0;
}

void effect_installed(struct expectation *expectation, unsigned running, unsigned version)
{
	effect_staged(expectation, running, version);
	effect_activated(expectation, running, version);
}

void effect_committed(struct expectation *expectation, unsigned running, unsigned version)
{
	(void)version; /* it is the running one */
	if (running == expectation->trial) {
		expectation->other = expectation->good;
		expectation->good = (uint8_t)running;
		expectation->boots = 0;
	}
	if (running == expectation->good)
		expectation->boots = 0;
	if (running == expectation->trial || expectation->attempts > BELIEF_TRIES)
		expectation->trial = expectation->starts = expectation->attempts = 0;
	if (running != BELIEF_REVOKING)
		return;
	if (expectation->other < BELIEF_REVOKING)
		expectation->other = 0;
	if (expectation->trial < BELIEF_REVOKING)
		expectation->trial = expectation->starts = expectation->attempts = 0;
}

void effect_bad(struct expectation *expectation, unsigned running, unsigned version)
{
	(void)running; /* any slot can be marked */
	if (version == expectation->trial)
		expectation->trial = expectation->starts = expectation->attempts = 0;
	if (version == expectation->good)
		expectation->good = 0;
	if (version == expectation->other)
		expectation->other = 0;
	if (expectation->good == 0) {
		expectation->good = expectation->other;
		expectation->other = 0;
	}
}

void belief_apply(struct belief *belief, belief_effect effect, unsigned running, unsigned version)
{
	struct belief after = { .floor = belief->floor };

	for (unsigned i = 0; i < belief->count; i++) {
		struct expectation each = belief->maybe[i];

		effect(&each, running, version);
		belief_add(&after, &each);
	}
	*belief = after;
}

void belief_join(struct belief *belief, const struct belief *also)
{
	for (unsigned i = 0; i < also->count; i++)
		belief_add(belief, &also->maybe[i]);
}

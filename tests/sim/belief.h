/* SPDX-License-Identifier: MIT */
#pragma once
/* Belief: what an observer who saw every command and every power cut may expect of the next boot.
 * It knows versions only, no slots, no record and none of the code under test; while a command
 * runs it has several expectations, since the cut may come before or after the step that counts. */

#include <stdbool.h>
#include <stdint.h>

enum {
	BELIEF_TRIES = 3,
	BELIEF_FAILURES = 3, /* boots of a good release that may fail before the other one's turn */
	BELIEF_EXPECTATIONS = 16,
	BELIEF_REVOKING = 4, /* once this version is committed, older ones do not start */
};

/* Versions are 1 and up, 0 is none. */
struct expectation {
	uint8_t good;     /* committed, and preferred */
	uint8_t other;    /* committed before, or second choice for another reason */
	uint8_t trial;    /* activated, and not committed yet */
	uint8_t starts;   /* of the trial: it was handed control so often */
	uint8_t attempts; /* power was on so often since the activation: each may cost a try */
	uint8_t boots;    /* the same of the good one, since its commit */
};

struct belief {
	uint64_t floor; /* the firmware's variable, exactly */
	uint8_t count;
	struct expectation maybe[BELIEF_EXPECTATIONS];
};

/* Versions that may be started next, one bit each. */
unsigned expectation_allows(const struct expectation *expectation);
unsigned belief_allows(const struct belief *belief);

/* Power on. */
void belief_power(struct belief *belief);
/* A version is handed control; false if nobody expected that. */
bool belief_start(struct belief *belief, unsigned version);

/* What a command does, when it is done for sure. */
typedef void (*belief_effect)(struct expectation *expectation, unsigned running, unsigned version);
void effect_none(struct expectation *expectation, unsigned running, unsigned version);
void effect_emptied(struct expectation *expectation, unsigned running, unsigned version);
void effect_staged(struct expectation *expectation, unsigned running, unsigned version);
void effect_installed(struct expectation *expectation, unsigned running, unsigned version);
void effect_activated(struct expectation *expectation, unsigned running, unsigned version);
void effect_committed(struct expectation *expectation, unsigned running, unsigned version);
void effect_bad(struct expectation *expectation, unsigned running, unsigned version);

/* All that was expected, with the effect on top of it. */
void belief_apply(struct belief *belief, belief_effect effect, unsigned running, unsigned version);
/* Either of both. */
void belief_join(struct belief *belief, const struct belief *also);

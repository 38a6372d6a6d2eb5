/* SPDX-License-Identifier: MIT */
/* Units as they live, looked at once a second; what becomes of each is said in the table. */
#include "unitjudge.h"

#include <string.h>

#include "tap.h"

static const gint64 S = G_USEC_PER_SEC;

/* A life, second by second: a active, b active in another run, c coming, i inactive, f failed,
 * m missing; the last one goes on. */
struct life {
	const char *states;
	unsigned active_before_s; /* how long it was active at the first look */
	unsigned timeout_s;
	unsigned soak_s;
	enum unitjudge_verdict verdict;
	unsigned at_s; /* when it is known */
	const char *reason;
};

static enum unitjudge_state state_of(char letter)
{
	switch (letter) {
	case 'a':
	case 'b':
		return UNITJUDGE_ACTIVE;
	case 'c':
		return UNITJUDGE_COMING;
	case 'f':
		return UNITJUDGE_FAILED;
	case 'm':
		return UNITJUDGE_MISSING;
	default:
		return UNITJUDGE_INACTIVE;
	}
}

static struct unitjudge_sample sample_of(const struct life *life, unsigned second)
{
	const size_t end = strlen(life->states) - 1;
	const char letter = life->states[MIN(second, end)];
	const gint64 first = (gint64)(strchr(life->states, letter) - life->states);
	struct unitjudge_sample sample = { .now_us = (1000 + second) * S,
					   .state = state_of(letter) };

	if (sample.state == UNITJUDGE_ACTIVE)
		sample.active_since_us = (1000 + first - life->active_before_s) * S;
	sample.restarts = letter == 'b';
	sample.invocation[0] = (guint8)letter;
	return sample;
}

static void live(const struct life *life)
{
	struct unitjudge judge = { .timeout_us = life->timeout_s * S, .soak_us = life->soak_s * S };
	enum unitjudge_verdict verdict = UNITJUDGE_WAIT;
	char reason[UNITJUDGE_REASON_MAX + 1] = "";
	unsigned second = 0;

	for (; second < 1000 && verdict == UNITJUDGE_WAIT; second++) {
		const struct unitjudge_sample sample = sample_of(life, second);

		verdict = unitjudge_look(&judge, &sample, reason);
	}
	if (verdict != life->verdict || second - 1 != life->at_s ||
	    strcmp(reason, life->reason) != 0)
		printf("# %s: verdict %d after %u s: %s\n", life->states, (int)verdict, second - 1,
		       reason);
	expect(verdict == life->verdict && second - 1 == life->at_s);
	expect(strcmp(reason, life->reason) == 0);
}

static const struct life LIVES[] = {
	{ "a", 0, 60, 30, UNITJUDGE_GOOD, 30, "" },
	{ "a", 100, 60, 30, UNITJUDGE_GOOD, 0, "" },
	{ "a", 10, 60, 30, UNITJUDGE_GOOD, 20, "" },
	{ "a", 0, 60, 0, UNITJUDGE_GOOD, 0, "" },
	{ "iccca", 0, 60, 5, UNITJUDGE_GOOD, 9, "" },
	{ "i", 0, 5, 5, UNITJUDGE_BAD, 5, "was not active after 5 s, but inactive" },
	{ "c", 0, 5, 5, UNITJUDGE_BAD, 5, "was not active after 5 s, but starting" },
	{ "ccf", 0, 60, 5, UNITJUDGE_BAD, 2, "has failed" },
	{ "m", 0, 60, 5, UNITJUDGE_BAD, 0, "does not exist, or cannot be loaded" },
	/* One that dies after three seconds, and stays dead, or is started again. */
	{ "aaaf", 0, 60, 30, UNITJUDGE_BAD, 3, "was active, and is failed 3 s after its start" },
	{ "aaai", 0, 60, 30, UNITJUDGE_BAD, 3, "was active, and is inactive 3 s after its start" },
	{ "aaac", 0, 60, 30, UNITJUDGE_BAD, 3, "was active, and is starting 3 s after its start" },
	{ "aaab", 0, 60, 30, UNITJUDGE_BAD, 3, "was restarted within 3 s of its start" },
	/* One second later, and it has proven itself. */
	{ "aaab", 0, 60, 2, UNITJUDGE_GOOD, 2, "" },
	/* What died before it was looked at is seen by its new start. */
	{ "b", 2, 60, 5, UNITJUDGE_GOOD, 3, "" },
	{ "am", 0, 60, 5, UNITJUDGE_BAD, 1, "was active, and is missing 1 s after its start" },
};

static void test_lives(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(LIVES); i++)
		live(&LIVES[i]);
}

/* Each sign of another run is enough by itself. */
static void test_signs(void)
{
	for (unsigned sign = 0; sign < 4; sign++) {
		struct unitjudge judge = { .timeout_us = S, .soak_us = 100 * S };
		struct unitjudge_sample sample = { .now_us = 10 * S,
						   .state = UNITJUDGE_ACTIVE,
						   .active_since_us = 9 * S };
		char reason[UNITJUDGE_REASON_MAX + 1];

		expect(unitjudge_look(&judge, &sample, reason) == UNITJUDGE_WAIT);
		sample.now_us += S;
		sample.restarts += sign == 1;
		sample.active_since_us += sign == 2;
		sample.invocation[15] = sign == 3;
		expect(unitjudge_look(&judge, &sample, reason) ==
		       (sign == 0 ? UNITJUDGE_WAIT : UNITJUDGE_BAD));
	}
}

static const struct tap_case CASES[] = {
	{ "lives of units", test_lives },
	{ "signs of another run", test_signs },
};
TAP_MAIN(CASES)

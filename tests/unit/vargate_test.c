/* SPDX-License-Identifier: MIT */
/* All small states are walked; what must hold is said in other words than the code's. */
#include "vargate.h"

#include "tap.h"

enum { NUMBERS = 5 };

static unsigned renewed, moved;

static void state_check(const struct vargate_found *found)
{
	const struct vargate_plan plan = vargate_choose(found);
	const uint64_t behind = found->value + (plan.move ? 1 : 0);
	const gboolean stuck = found->limit != 0 && found->value >= found->limit;

	renewed += (unsigned)plan.renew;
	moved += (unsigned)plan.move;
	/* Who wants no gate, gets none. */
	expect(found->gated || (!plan.renew && !plan.move));
	/* Behind it the gate is as high as the release can answer for, and never lower. */
	expect(!found->gated || plan.renew == (found->floor > found->gate.floor));
	/* What is in force then can still be opened, before the counter moves and after. */
	expect(!found->gated || found->gate.ceiling < found->value || behind <= plan.ceiling);
	/* What was sealed for the counter as it is, is dead once a new seal is in force, unless
	 * azboot forbids it. */
	expect(!plan.renew || stuck || (plan.ceiling == behind && behind > found->value));
	/* Not past what azboot allows. */
	expect(!plan.move || !stuck);
	/* The next boot has nothing more to do. */
	if (found->gated && (plan.renew || plan.move)) {
		struct vargate_found next = *found;

		next.value = behind;
		next.gate.ceiling = plan.ceiling;
		if (plan.renew)
			next.gate.floor = found->floor;
		expect(!vargate_choose(&next).renew);
		expect(plan.ceiling > behind || !vargate_choose(&next).move);
	}
}

static void values_walk(struct vargate_found found)
{
	for (found.value = 0; found.value < NUMBERS; found.value++)
		for (found.limit = 0; found.limit < NUMBERS; found.limit++)
			for (found.gate.ceiling = found.value; found.gate.ceiling < NUMBERS;
			     found.gate.ceiling++)
				state_check(&found);
}

static void test_all(void)
{
	struct vargate_found found = { .gated = FALSE };

	for (unsigned gated = 0; gated < 2; gated++)
		for (found.floor = 0; found.floor < NUMBERS; found.floor++)
			for (found.gate.floor = 0; found.gate.floor < NUMBERS; found.gate.floor++) {
				found.gated = gated != 0;
				values_walk(found);
			}
	expect(renewed > 100 && moved > 100);
}

static const struct tap_case CASES[] = {
	{ "every state", test_all },
};
TAP_MAIN(CASES)

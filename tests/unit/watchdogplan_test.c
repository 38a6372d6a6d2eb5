/* SPDX-License-Identifier: MIT */
#include "watchdogplan.h"

#include "tap.h"

enum { SECOND = 1000000 };

static const struct {
	struct watchdogplan_input input;
	struct watchdogplan wanted;
} ROWS[] = {
	/* on trial, device, limit, now, remembered, before */
	{ { TRUE, TRUE, 60, 0, FALSE, 0 }, { WATCHDOGPLAN_ARM, 60 * SECOND } },
	{ { TRUE, TRUE, 60, 600 * SECOND, FALSE, 0 }, { WATCHDOGPLAN_ARM, 60 * SECOND } },
	{ { TRUE, TRUE, 60, G_MAXUINT64, FALSE, 0 }, { WATCHDOGPLAN_ARM, 60 * SECOND } },
	{ { TRUE, TRUE, 60, 30 * SECOND, FALSE, 0 }, { WATCHDOGPLAN_LEAVE, 0 } },
	{ { TRUE, TRUE, 60, 60 * SECOND, FALSE, 0 }, { WATCHDOGPLAN_LEAVE, 0 } },
	{ { TRUE, TRUE, 60, 60 * SECOND, TRUE, 0 }, { WATCHDOGPLAN_LEAVE, 0 } },
	{ { TRUE, FALSE, 60, 0, FALSE, 0 }, { WATCHDOGPLAN_MISSING, 0 } },
	{ { TRUE, TRUE, 0, 0, FALSE, 0 }, { WATCHDOGPLAN_LEAVE, 0 } },
	{ { TRUE, FALSE, 0, 0, FALSE, 0 }, { WATCHDOGPLAN_LEAVE, 0 } },
	{ { FALSE, TRUE, 60, 0, FALSE, 0 }, { WATCHDOGPLAN_LEAVE, 0 } },
	{ { FALSE, TRUE, 60, 60 * SECOND, TRUE, 0 }, { WATCHDOGPLAN_RESTORE, 0 } },
	{ { FALSE, TRUE, 60, 60 * SECOND, TRUE, G_MAXUINT64 },
	  { WATCHDOGPLAN_RESTORE, G_MAXUINT64 } },
	{ { FALSE, FALSE, 60, 60 * SECOND, TRUE, 5 }, { WATCHDOGPLAN_RESTORE, 5 } },
	/* Switched off in the configuration after it was armed: that ends it, too. */
	{ { TRUE, TRUE, 0, 60 * SECOND, TRUE, 0 }, { WATCHDOGPLAN_RESTORE, 0 } },
};

static void test_rows(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const struct watchdogplan plan = watchdogplan_decide(&ROWS[i].input);

		if (plan.action != ROWS[i].wanted.action || plan.time_us != ROWS[i].wanted.time_us)
			printf("# row %zu\n", i);
		expect(plan.action == ROWS[i].wanted.action);
		expect(plan.time_us == ROWS[i].wanted.time_us);
	}
}

static const struct tap_case CASES[] = {
	{ "what is decided", test_rows },
};
TAP_MAIN(CASES)

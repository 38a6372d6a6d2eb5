/* SPDX-License-Identifier: MIT */
#include "rebootguard.h"

#include "tap.h"

static void test_inhibitors(void)
{
	static const struct {
		const char *what;
		const char *mode;
		gboolean blocks;
	} ROWS[] = {
		{ "shutdown", "block", TRUE },
		{ "idle:sleep:shutdown", "block", TRUE },
		{ "shutdown:sleep", "block-weak", TRUE },
		{ "shutdown", "delay", FALSE },
		{ "sleep:handle-power-key", "block", FALSE },
		{ "shutdownish", "block", FALSE },
		{ "", "block", FALSE },
		{ "shutdown", "of-tomorrow", TRUE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const struct rebootguard_inhibitor inhibitor = { ROWS[i].what, "who", "why",
								 ROWS[i].mode };

		expect(rebootguard_inhibitor_blocks(&inhibitor) == ROWS[i].blocks);
	}
}

static const struct tap_case CASES[] = {
	{ "which inhibitors block", test_inhibitors },
};
TAP_MAIN(CASES)

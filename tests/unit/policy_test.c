/* SPDX-License-Identifier: MIT */
/* Two large products of states: what the channel says of releases, and what stands in the way. What
 * must come out is said in other words than the code's. */
#include "policyworld.h"

static bool may_run(const struct world *world, unsigned i, bool hurry, bool staged)
{
	switch (world->marks[i]) {
	case FINE:
	case BARRIER:
		return true;
	case LATER:
	case NEVER:
		return hurry;
	case SPENT:
		return staged || world->machine.asked;
	case REVOKED:
	case FAILED:
	case BELOW:
	case PAUSED:
	case DEAD_END:
	case MARKS:
		break;
	}
	return false;
}

/* Climbs up from the running release; a barrier is the last step. */
static unsigned climb(const struct world *world, bool hurry, unsigned *ret_top)
{
	unsigned best = RELEASES;

	*ret_top = FIRST;
	for (unsigned i = FIRST; i < RELEASES; i++) {
		*ret_top = i;
		if (may_run(world, i, hurry, false))
			best = i;
		if (world->marks[i] == BARRIER)
			break;
	}
	return best;
}

struct wanted {
	enum policy_action action;
	unsigned release; /* RELEASES: none */
};

static struct wanted choice_foretell(const struct world *world, unsigned staged)
{
	const enum mark here = world->marks[RUNNING];
	const bool hurry = world->machine.asked || here == REVOKED;
	const bool is_staged = world->machine.staged != NULL;
	const bool rotten = is_staged && staged < RELEASES &&
			    (world->marks[staged] == REVOKED || world->marks[staged] == BELOW);
	unsigned top;
	const unsigned best = climb(world, hurry, &top);

	if (rotten && world->machine.activated)
		return (struct wanted){ POLICY_DROP, RELEASES };
	if (here == DEAD_END)
		return (struct wanted){ POLICY_NOTHING, RELEASES };
	/* "9", which no channel knows, is newer than all; index RELEASES stands for it. */
	if (best < RELEASES && (!is_staged || rotten || best > staged))
		return (struct wanted){ POLICY_STAGE, best };
	if (is_staged && !rotten && staged >= FIRST && staged <= top && staged < RELEASES &&
	    may_run(world, staged, hurry, true))
		return (struct wanted){ world->machine.activated ? POLICY_REBOOT : POLICY_ACTIVATE,
					staged };
	return (struct wanted){ POLICY_NOTHING, RELEASES };
}

static unsigned walked[POLICY_ACTION_COUNT];

static void choice_check(struct world *world, unsigned staged)
{
	struct wanted wanted;
	struct policy_decision decision;

	for (unsigned i = 0; i < 4; i++) {
		if (staged < RELEASES + 1)
			world_stage(world, staged, i % 2 != 0);
		world->machine.asked = i / 2 != 0;
		wanted = choice_foretell(world, staged);
		decision = ask(world);
		walked[decision.action]++;
		expect(decision.action == wanted.action);
		expect(decision.release ==
		       (wanted.release < RELEASES ? &world->releases[wanted.release] : NULL));
		expect(decision.urgent == (world->marks[RUNNING] == REVOKED));
		if (tap_failed) {
			printf("# marks %u %u %u %u, staged %u, run %u: %u, not %u\n",
			       world->marks[1], world->marks[2], world->marks[3], world->marks[4],
			       staged, i, decision.action, wanted.action);
			return;
		}
	}
}

static void test_choice(void)
{
	static const enum mark HERE[] = { FINE, REVOKED, DEAD_END, FAILED, BARRIER };
	struct world world;

	for (unsigned n = 0; n < MARKS * MARKS * MARKS * G_N_ELEMENTS(HERE) && !tap_failed; n++) {
		const enum mark marks[RELEASES] = { FINE, HERE[n / (MARKS * MARKS * MARKS)],
						    n % MARKS, n / MARKS % MARKS,
						    n / MARKS / MARKS % MARKS };

		/* Staged: each release, one of which the channel knows nothing, none. */
		for (unsigned staged = 0; staged <= RELEASES + 1 && !tap_failed; staged++) {
			world_make(&world, marks);
			choice_check(&world, staged);
		}
	}
	expect(walked[POLICY_NOTHING] > 0 && walked[POLICY_STAGE] > 0 && walked[POLICY_DROP] > 0);
	expect(walked[POLICY_ACTIVATE] > 0 && walked[POLICY_REBOOT] > 0);
}

enum { STAGING = 1, BOOTING = 2, ASKED = 4, URGENT = 8 };

/* Whom each holds back, and who may pass all the same. */
static const struct {
	enum policy_reason_id id;
	unsigned for_whom;
} RULES[GATES] = {
	[HOLD] = { POLICY_REASON_HOLD, STAGING | BOOTING },
	[APPROVAL] = { POLICY_REASON_APPROVAL, STAGING | BOOTING | ASKED },
	[HOOK] = { POLICY_REASON_HOOK, STAGING | BOOTING },
	[EXPIRED] = { POLICY_REASON_EXPIRED, STAGING | BOOTING },
	[MAINS] = { POLICY_REASON_MAINS, STAGING | BOOTING },
	[BATTERY] = { POLICY_REASON_BATTERY, STAGING | BOOTING },
	[SOAK] = { POLICY_REASON_SOAK, STAGING | ASKED | URGENT },
	[BACKOFF] = { POLICY_REASON_BACKOFF, STAGING | ASKED },
	[SPACE] = { POLICY_REASON_SPACE, STAGING },
	[METERED] = { POLICY_REASON_METERED, STAGING | ASKED },
	[WINDOW] = { POLICY_REASON_WINDOW, STAGING | ASKED },
	[SILENT] = { POLICY_REASON_UNREACHABLE, STAGING },
	[INHIBITOR] = { POLICY_REASON_INHIBITOR, BOOTING },
};

/* Whether a gate is closed for who comes. */
static bool gate_holds(unsigned gate, unsigned whom)
{
	return (RULES[gate].for_whom & whom & (STAGING | BOOTING)) != 0 &&
	       (RULES[gate].for_whom & whom & (ASKED | URGENT)) == 0;
}

static void gates_check(unsigned closed, unsigned whom)
{
	enum mark marks[RELEASES] = { FINE, FINE, REVOKED, REVOKED, FINE };
	struct policy_decision decision;
	struct world world;
	bool passes = true;

	if ((whom & URGENT) != 0)
		marks[RUNNING] = REVOKED;
	world_make(&world, marks);
	gates_close(&world, closed, 4);
	world.machine.asked = (whom & ASKED) != 0;
	if ((whom & BOOTING) != 0)
		world_stage(&world, 4, true);
	/* The reboot has a window of its own here: it is open. */
	world.config.reboot_windows = NULL;
	if ((whom & BOOTING) != 0)
		world.config.windows = NULL;
	decision = ask(&world);
	for (unsigned gate = 0; gate < GATES; gate++) {
		const bool holds = (closed >> gate & 1) != 0 && gate_holds(gate, whom);
		const struct policy_reason *reason = reason_find(&decision, RULES[gate].id);

		passes = passes && !holds;
		/* All reasons are told, not just the first. */
		expect(!holds || (reason != NULL && reason->blocks));
		expect(reason == NULL || (closed >> gate & 1) != 0);
	}
	expect((decision.action == (whom & BOOTING ? POLICY_REBOOT : POLICY_STAGE)) == passes);
	expect(passes || decision.action == POLICY_NOTHING);
	if (tap_failed)
		printf("# gates %#x, whom %u: %u\n", closed, whom, decision.action);
}

static void test_gates(void)
{
	static const unsigned WHOM[] = { STAGING,         BOOTING,          STAGING | ASKED,
					 BOOTING | ASKED, STAGING | URGENT, BOOTING | URGENT };

	for (unsigned closed = 0; closed < 1 << GATES; closed++)
		for (unsigned i = 0; i < G_N_ELEMENTS(WHOM) && !tap_failed; i++)
			gates_check(closed, WHOM[i]);
}

static const struct tap_case CASES[] = {
	{ "every channel", test_choice },
	{ "every gate", test_gates },
};
TAP_MAIN(CASES)

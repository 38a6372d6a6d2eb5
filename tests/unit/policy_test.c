/* SPDX-License-Identifier: MIT */
/* Two large products of states: what the channel says of releases, and what stands in the way. What
 * must come out is said in other words than the code's. */
#include "policy.h"

#include <string.h>

#include "failed.h"
#include "tap.h"

enum {
	NOW = 1800000000, /* a Friday, 08:00 UTC */
	HOUR = 3600,
	DAY = 86400,
	FLOOR = 5,
	RUNNING = 1, /* index of the running release; 0 is older */
	FIRST = 2,
	RELEASES = 5,
};

/* What there is to say of a release. */
enum mark {
	FINE,
	REVOKED,
	FAILED,
	BELOW, /* under the floor */
	SPENT, /* all attempts failed */
	PAUSED,
	LATER, /* its wave comes in a day */
	NEVER, /* no wave reaches this machine */
	DEAD_END,
	BARRIER,
	MARKS
};

static const char *const VERSIONS[RELEASES] = { "1.0", "1.1", "1.2", "1.10", "2.0~rc1" };
static const struct channel_rollout PAUSED_ROLLOUT = { .start_s = NOW - DAY,
						       .salt = (char *)"s",
						       .paused = (char *)"p",
						       .n_waves = 1,
						       .waves = { { 0, 1000 } } };
static const struct channel_rollout LATER_ROLLOUT = {
	.start_s = NOW, .salt = (char *)"s", .n_waves = 2, .waves = { { 0, 1 }, { 2 * DAY, 1000 } }
};
static const struct channel_rollout NEVER_ROLLOUT = {
	.start_s = NOW - DAY, .salt = (char *)"s", .n_waves = 1, .waves = { { 0, 100 } }
};

/* A whole world to ask the policy about; pointers lead into it. */
struct world {
	enum mark marks[RELEASES];
	struct channel channel;
	struct channel_release releases[RELEASES];
	struct channel_revoked revoked[RELEASES];
	struct failed failures[RELEASES];
	gpointer failed_pointers[RELEASES];
	GPtrArray failed;
	struct policy_attempt attempts[RELEASES];
	uint64_t places[RELEASES];
	struct policy_machine machine;
	struct policy_config config;
	struct policy_state state;
	struct policy_input input;
};

static void release_make(struct world *world, unsigned i)
{
	const enum mark mark = world->marks[i];
	struct channel_release *release = &world->releases[i];

	*release = (struct channel_release){
		.version = (char *)VERSIONS[i],
		.security_version = mark == BELOW ? FLOOR - 1 : FLOOR,
		.barrier = mark == BARRIER,
		.dead_end = mark == DEAD_END ? (char *)"d" : NULL,
		.rollout = mark == PAUSED  ? (struct channel_rollout *)&PAUSED_ROLLOUT
			   : mark == LATER ? (struct channel_rollout *)&LATER_ROLLOUT
			   : mark == NEVER ? (struct channel_rollout *)&NEVER_ROLLOUT
					   : NULL,
	};
	world->places[i] = UINT64_MAX / 2;
	if (mark == REVOKED)
		world->revoked[world->channel.n_revoked++] =
			(struct channel_revoked){ (char *)VERSIONS[i], (char *)"r" };
	if (mark == SPENT)
		world->attempts[world->state.n_attempts++] = (struct policy_attempt){
			(char *)VERSIONS[i], 3, NOW - 30 * DAY, (char *)"a"
		};
	if (mark == FAILED) {
		struct failed *failed = &world->failures[world->failed.len];

		*failed = (struct failed){ .version = (char *)VERSIONS[i], .reason = (char *)"f" };
		world->failed_pointers[world->failed.len++] = failed;
	}
}

/* All is well: up to date metadata, nothing in the way. */
static void world_make(struct world *world, const enum mark marks[static RELEASES])
{
	*world = (struct world){ .failed.pdata = world->failed_pointers };
	memcpy(world->marks, marks, sizeof world->marks);
	for (unsigned i = 0; i < RELEASES; i++)
		release_make(world, i);
	world->channel.releases = world->releases;
	world->channel.n_releases = RELEASES;
	world->channel.revoked = world->revoked;
	world->machine = (struct policy_machine){
		.machine_id = "0123456789abcdef0123456789abcdef",
		.place = UINT64_MAX / 3,
		.running = VERSIONS[RUNNING],
		.committed = true,
		.floor = FLOOR,
		.battery_percent = -1,
		.free_bytes = UINT64_MAX,
		.places = world->places,
	};
	world->config = (struct policy_config){
		.reboot = true,
		.check_interval_s = 6 * HOUR,
		.attempts = 3,
	};
	world->state.attempts = world->attempts;
	world->state.failed = &world->failed;
	world->state.last_known_s = world->state.last_check_s = NOW - 60;
	world->state.last_success_s = NOW - 60;
	world->input = (struct policy_input){
		.now_s = NOW,
		.machine = &world->machine,
		.channel = &world->channel,
		.config = &world->config,
		.state = &world->state,
	};
}

static void world_stage(struct world *world, unsigned index, bool activated)
{
	world->machine.staged = index < RELEASES ? VERSIONS[index] : "9";
	world->machine.activated = activated;
	world->machine.staged_security_version = index < RELEASES
							 ? world->releases[index].security_version
							 : FLOOR;
}

static const struct policy_reason *reason_find(const struct policy_decision *decision,
					       enum policy_reason_id id)
{
	for (unsigned i = 0; i < decision->n_reasons; i++)
		if (decision->reasons[i].id == id)
			return &decision->reasons[i];
	return NULL;
}

static bool equals(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->action == b->action && a->release == b->release && a->next_s == b->next_s &&
	       a->urgent == b->urgent && a->full_only == b->full_only &&
	       a->n_reasons == b->n_reasons;
}

/* What holds for each answer, whatever was asked. */
static struct policy_decision ask(struct world *world)
{
	const struct policy_decision decision = policy_decide(&world->input);
	const struct policy_decision again = policy_decide(&world->input);
	struct policy_input later = world->input;

	expect(equals(&decision, &again));
	expect(decision.next_s > world->input.now_s);
	expect(decision.n_reasons > 0 || decision.action != POLICY_NOTHING);
	for (unsigned i = 0; i < decision.n_reasons; i++)
		expect(decision.reasons[i].until_s > world->input.now_s ||
		       !decision.reasons[i].blocks);
	if (decision.release != NULL) {
		const enum mark mark = world->marks[decision.release - world->releases];

		expect(decision.release - world->releases > RUNNING);
		expect(mark != REVOKED && mark != FAILED && mark != BELOW && mark != PAUSED);
	}
	if (decision.action != POLICY_NOTHING)
		return decision;
	/* Nothing is missed by sleeping until the time that is told. */
	later.now_s = decision.next_s - 1;
	expect(policy_decide(&later).action == POLICY_NOTHING);
	expect(policy_decide(&later).next_s >= decision.next_s);
	later.now_s = world->input.now_s + (decision.next_s - world->input.now_s) / 2;
	expect(policy_decide(&later).action == POLICY_NOTHING);
	return decision;
}

/* --- the choice --- */

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
		return staged;
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

/* --- the gates --- */

enum gate {
	HOLD,
	APPROVAL,
	HOOK,
	EXPIRED,
	MAINS,
	BATTERY,
	SOAK,
	BACKOFF,
	SPACE,
	METERED,
	WINDOW,
	SILENT, /* the server does not answer */
	INHIBITOR,
	GATES
};

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

static const struct policy_hold HOLDS[] = {
	{ NOW - 1, (char *)"old", (char *)"over" },
	{ POLICY_UNTIL_ACT, (char *)"me", (char *)"until I say so" },
};
/* 20:00 to 04:00; it is 08:00. */
static const struct window NIGHT = { false, 1, { { 0x7f, 1200, 1680 } } };

static void gates_close(struct world *world, unsigned closed, unsigned release)
{
	const bool on[GATES] = { closed & 1 << HOLD,     closed & 1 << APPROVAL,
				 closed & 1 << HOOK,     closed & 1 << EXPIRED,
				 closed & 1 << MAINS,    closed & 1 << BATTERY,
				 closed & 1 << SOAK,     closed & 1 << BACKOFF,
				 closed & 1 << SPACE,    closed & 1 << METERED,
				 closed & 1 << WINDOW,   closed & 1 << SILENT,
				 closed & 1 << INHIBITOR };

	world->state.holds = HOLDS;
	world->state.n_holds = on[HOLD] ? 2 : 1;
	world->config.approval = on[APPROVAL];
	world->machine.hook = on[HOOK] ? "not now" : NULL;
	world->input.expires_s = on[EXPIRED] ? NOW : NOW + 10 * DAY;
	world->machine.on_battery = on[MAINS] || on[BATTERY];
	world->config.mains = on[MAINS];
	world->machine.battery_percent = on[BATTERY] ? 29 : 30;
	world->config.battery_minimum = 30;
	world->config.soak_s = 7 * DAY;
	world->state.committed_s = on[SOAK] ? NOW - 7 * DAY + 1 : NOW - 7 * DAY;
	if (on[BACKOFF])
		world->attempts[world->state.n_attempts++] =
			(struct policy_attempt){ (char *)VERSIONS[release], 1, NOW - 60, NULL };
	world->releases[release].minimum_free_bytes = 1000;
	world->machine.free_bytes = on[SPACE] ? 999 : 1000;
	world->machine.metered = on[METERED];
	world->config.windows = on[WINDOW] ? &NIGHT : NULL;
	world->state.check_failures = on[SILENT] ? 1 : 0;
	world->machine.inhibitor = on[INHIBITOR] ? "dpkg" : NULL;
}

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

/* --- single rules --- */

static const enum mark ALL_FINE[RELEASES];

static void test_times(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, ALL_FINE);
	gates_close(&world, 1 << WINDOW | 1 << SOAK, 4);
	decision = ask(&world);
	/* A third of the first half of eight hours after 20:00. */
	expect(reason_find(&decision, POLICY_REASON_WINDOW)->until_s ==
	       NOW + 12 * HOUR + 4 * HOUR / 3 - 1);
	expect(reason_find(&decision, POLICY_REASON_SOAK)->until_s == NOW + 1);
	expect(decision.next_s == NOW + 1);
	world_make(&world, (enum mark[RELEASES]){ FINE, FINE, REVOKED, REVOKED, LATER });
	decision = ask(&world);
	expect(reason_find(&decision, POLICY_REASON_WAVE)->until_s > NOW + 12 * HOUR);
	expect(decision.next_s < NOW + 7 * HOUR);
	world_make(&world, (enum mark[RELEASES]){ FINE, FINE, REVOKED, REVOKED, NEVER });
	decision = ask(&world);
	expect(reason_find(&decision, POLICY_REASON_WAVE)->until_s == POLICY_UNTIL_ACT);
}

/* States in which no release is thought of. */
static void test_first(void)
{
	struct world world;

	world_make(&world, ALL_FINE);
	world.machine.busy = true;
	expect(ask(&world).reasons[0].id == POLICY_REASON_BUSY);
	world.machine.committed = false;
	world.machine.busy = false;
	expect(ask(&world).reasons[0].id == POLICY_REASON_TRIAL);
	world.state.last_known_s = NOW + POLICY_CLOCK_SLACK_S;
	expect(ask(&world).reasons[0].id == POLICY_REASON_TRIAL);
	world.state.last_known_s++;
	expect(ask(&world).reasons[0].id == POLICY_REASON_CLOCK);
	world.machine.running = NULL;
	expect(ask(&world).reasons[0].id == POLICY_REASON_NO_SLOT);
}

static void test_checks(void)
{
	struct world world;
	int64_t due_s[4];

	world_make(&world, ALL_FINE);
	world.machine.running = VERSIONS[RELEASES - 1];
	due_s[0] = ask(&world).next_s;
	expect(due_s[0] > NOW + 5 * HOUR && due_s[0] < NOW + 7 * HOUR);
	world.input.now_s = due_s[0];
	expect(policy_decide(&world.input).action == POLICY_CHECK);
	/* Never checked, and a check of the future: now. */
	world.state.last_check_s = 0;
	expect(ask(&world).action == POLICY_CHECK);
	world.state.last_check_s = due_s[0] + 1;
	expect(ask(&world).action == POLICY_CHECK);
	/* Just booted: a little later, and not all at once. */
	world.state.last_check_s = 0;
	world.machine.boot_s = due_s[0] - 1;
	world.machine.place = 0;
	due_s[1] = ask(&world).next_s;
	world.machine.place = 1;
	due_s[2] = ask(&world).next_s;
	expect(due_s[1] < due_s[0] + POLICY_BOOT_S && due_s[2] < due_s[0] + POLICY_BOOT_S);
	expect(due_s[1] != due_s[2]);
	/* No channel yet is told. */
	world.input.channel = NULL;
	due_s[3] = ask(&world).next_s;
	expect(due_s[3] == due_s[2] && ask(&world).reasons[0].id == POLICY_REASON_NEVER_CHECKED);
}

/* A server that does not answer is asked again, sooner at first. */
static void test_retries(void)
{
	struct world world;
	int64_t waits_s[12];

	world_make(&world, ALL_FINE);
	world.machine.running = VERSIONS[RELEASES - 1];
	world.state.last_check_s = NOW - 1;
	for (unsigned i = 0; i < G_N_ELEMENTS(waits_s); i++) {
		world.state.check_failures = i + 1;
		waits_s[i] = ask(&world).next_s - NOW;
		expect(waits_s[i] > 0 && waits_s[i] <= 6 * HOUR);
		expect(i == 0 || i > 7 || waits_s[i] > waits_s[i - 1] / 2);
	}
	expect(waits_s[0] <= POLICY_RETRY_FIRST_S && waits_s[11] > 2 * HOUR);
}

/* Nothing is done on the word of an old check. */
static void test_fresh(void)
{
	struct world world;

	world_make(&world, ALL_FINE);
	world.state.last_check_s = NOW - POLICY_FRESH_S;
	expect(ask(&world).action == POLICY_CHECK);
	world.state.last_check_s++;
	expect(ask(&world).action == POLICY_STAGE);
	world_stage(&world, 4, true);
	expect(ask(&world).action == POLICY_REBOOT);
	world.state.last_check_s--;
	expect(ask(&world).action == POLICY_CHECK);
	/* The server is away: what is staged already may go on while the metadata lasts. */
	world.state.last_check_s = NOW - 1;
	world.state.check_failures = 3;
	expect(ask(&world).action == POLICY_REBOOT);
	world.input.expires_s = NOW;
	expect(ask(&world).action == POLICY_NOTHING);
}

static void test_lock(void)
{
	struct world world;

	world_make(&world, ALL_FINE);
	world_stage(&world, 4, false);
	world.config.lock = true;
	expect(ask(&world).action == POLICY_LOCK);
	world.state.lock_refused_s = NOW - 1;
	expect(ask(&world).action == POLICY_NOTHING);
	world.state.lock_refused_s = NOW - 3 * POLICY_LOCK_RETRY_S;
	expect(ask(&world).action == POLICY_LOCK);
	world.state.lock_held = true;
	expect(ask(&world).action == POLICY_ACTIVATE);
	world.machine.activated = true;
	expect(ask(&world).action == POLICY_REBOOT);
	/* It is given back when something comes between. */
	world.machine.hook = "no";
	expect(ask(&world).action == POLICY_UNLOCK);
	world.machine.hook = NULL;
	world.machine.running = world.machine.staged;
	world.machine.staged = NULL;
	expect(ask(&world).action == POLICY_UNLOCK);
	/* Not before the new release is committed. */
	world.machine.committed = false;
	expect(ask(&world).action == POLICY_NOTHING);
}

static void test_users(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, ALL_FINE);
	world_stage(&world, 4, true);
	world.machine.users = 2;
	expect(ask(&world).action == POLICY_REBOOT);
	world.config.warn_s = 300;
	expect(ask(&world).action == POLICY_WARN);
	world.state.warned_s = NOW - 299;
	decision = ask(&world);
	expect(decision.action == POLICY_NOTHING && decision.next_s == NOW + 1);
	expect(reason_find(&decision, POLICY_REASON_USERS)->have == 2);
	world.state.warned_s = NOW - 300;
	expect(ask(&world).action == POLICY_REBOOT);
	world.state.warned_s = NOW - 300 - POLICY_WARNED_MAX_S;
	expect(ask(&world).action == POLICY_WARN);
	world.machine.users = 0;
	expect(ask(&world).action == POLICY_REBOOT);
}

static void test_reboot_never(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, ALL_FINE);
	world.config.reboot = false;
	world_stage(&world, 4, false);
	expect(ask(&world).action == POLICY_ACTIVATE);
	world.machine.activated = true;
	decision = ask(&world);
	expect(decision.action == POLICY_NOTHING);
	expect(reason_find(&decision, POLICY_REASON_REBOOT_NEVER)->until_s == POLICY_UNTIL_ACT);
}

static void test_approval(void)
{
	static const char *const APPROVED[] = { "1.1", "2.0~rc1" };
	struct world world;

	world_make(&world, ALL_FINE);
	world.config.approval = true;
	world.state.approved = APPROVED;
	world.state.n_approved = 1;
	expect(ask(&world).action == POLICY_NOTHING);
	world.state.n_approved = 2;
	expect(ask(&world).action == POLICY_STAGE);
}

/* A newer release replaces what is staged, before any reboot; if it cannot be had now, what is
 * staged goes on. */
static void test_supersede(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, ALL_FINE);
	world_stage(&world, 3, true);
	decision = ask(&world);
	expect(decision.action == POLICY_STAGE && decision.release == &world.releases[4]);
	expect(reason_find(&decision, POLICY_REASON_SUPERSEDE) != NULL);
	world.machine.metered = true;
	decision = ask(&world);
	expect(decision.action == POLICY_REBOOT && decision.release == &world.releases[3]);
}

static void test_deltas(void)
{
	struct world world;
	struct policy_decision decision;

	for (unsigned count = 0; count < 3; count++) {
		world_make(&world, ALL_FINE);
		world.state.n_attempts = 1;
		world.attempts[0] = (struct policy_attempt){ (char *)VERSIONS[4], count, NOW - DAY,
							     NULL };
		decision = ask(&world);
		expect(decision.action == POLICY_STAGE);
		expect(decision.full_only == (count >= POLICY_DELTA_ATTEMPTS));
	}
}

/* Odd values from a state file or a clock that was wrong neither stop it for ever nor overflow. */
static void test_odd(void)
{
	struct world world;

	world_make(&world, ALL_FINE);
	gates_close(&world, 1 << BACKOFF, 4);
	world.state.committed_s = POLICY_TIME_MAX_S;
	world.config.soak_s = UINT_MAX;
	world.attempts[0].last_s = POLICY_TIME_MAX_S;
	world.attempts[0].count = 2;
	expect(ask(&world).action == POLICY_STAGE);
	world.machine.boot_s = POLICY_TIME_MAX_S;
	world.state.warned_s = POLICY_TIME_MAX_S;
	world.state.lock_refused_s = POLICY_TIME_MAX_S;
	world.config.lock = true;
	world.config.warn_s = UINT_MAX;
	world.machine.users = 1;
	world_stage(&world, 4, true);
	expect(ask(&world).action == POLICY_LOCK);
	world.state.lock_held = true;
	expect(ask(&world).action == POLICY_WARN);
	world.input.now_s = POLICY_TIME_MAX_S;
	world.state.check_failures = UINT_MAX;
	world.config.check_interval_s = UINT_MAX;
	expect(policy_decide(&world.input).next_s > POLICY_TIME_MAX_S);
	world.input.now_s = 0;
	world.state.last_known_s = 0;
	expect(policy_decide(&world.input).next_s > 0);
}

static const struct tap_case CASES[] = {
	{ "every channel", test_choice },    { "every gate", test_gates },
	{ "when reasons end", test_times },  { "states in which nothing is decided", test_first },
	{ "checks", test_checks },           { "retries", test_retries },
	{ "fresh checks", test_fresh },      { "the fleet's lock", test_lock },
	{ "logged-in users", test_users },   { "no reboot by itself", test_reboot_never },
	{ "approval", test_approval },       { "supersede", test_supersede },
	{ "deltas that fail", test_deltas }, { "odd values", test_odd },
};
TAP_MAIN(CASES)

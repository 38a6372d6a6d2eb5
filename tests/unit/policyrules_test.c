/* SPDX-License-Identifier: MIT */
/* Single rules of the policy, by example. */
#include "policyworld.h"

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
	/* From the very second of its turn on. */
	world.input.now_s = (int64_t)reason_find(&decision, POLICY_REASON_WAVE)->until_s;
	world.state.last_check_s = world.input.now_s;
	expect(ask(&world).action == POLICY_STAGE);
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
	/* Staging takes long: nobody is to wait for it. */
	world_stage(&world, 3, false);
	expect(ask(&world).action == POLICY_UNLOCK);
	world_stage(&world, 4, true);
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
	/* Meanwhile the last check gets old: it is renewed. */
	world.config.warn_s = HOUR;
	world.state.warned_s = NOW - 1;
	expect(ask(&world).next_s == NOW - 60 + POLICY_FRESH_S);
	world.machine.users = 0;
	expect(ask(&world).action == POLICY_REBOOT);
}

static void test_reboot_windows(void)
{
	static const struct window MORNING = { false, 1, { { 0x7f, 360, 720 } } };
	struct world world;

	world_make(&world, ALL_FINE);
	world_stage(&world, 4, true);
	/* Both count, each for its own. */
	world.config.windows = &MORNING;
	world.config.reboot_windows = &NIGHT;
	expect(ask(&world).action == POLICY_NOTHING);
	world.config.windows = &NIGHT;
	world.config.reboot_windows = &MORNING;
	expect(ask(&world).action == POLICY_REBOOT);
	world.machine.staged = NULL;
	expect(ask(&world).action == POLICY_NOTHING);
	/* Without one of its own, a reboot waits for the other. */
	world_stage(&world, 4, true);
	world.config.reboot_windows = NULL;
	expect(ask(&world).action == POLICY_NOTHING);
}

/* More releases wait for their turn than are told: none is missed. */
static void test_many_waves(void)
{
	struct channel_rollout rollouts[10];
	struct channel_release releases[10] = { 0 };
	char versions[10][4];
	struct world world;

	world_make(&world, ALL_FINE);
	for (unsigned i = 0; i < G_N_ELEMENTS(releases); i++) {
		g_snprintf(versions[i], sizeof versions[i], "2.%u", i);
		rollouts[i] = LATER_ROLLOUT;
		rollouts[i].start_s = NOW - 86313 + i * HOUR + 10;
		releases[i].version = versions[i];
		releases[i].security_version = FLOOR;
		releases[i].rollout = &rollouts[i];
	}
	world.channel.releases = releases;
	world.channel.n_releases = G_N_ELEMENTS(releases);
	world.machine.places = (uint64_t[10]){
		[0] = UINT64_MAX / 2, [1] = UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		UINT64_MAX,           UINT64_MAX,       UINT64_MAX, UINT64_MAX, UINT64_MAX
	};
	expect(policy_decide(&world.input).next_s < NOW + 20);
	expect(policy_decide(&world.input).action == POLICY_NOTHING);
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

/* What failed here and was staged again is for whoever did that. */
static void test_staged_failed(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, (enum mark[RELEASES]){ FINE, FINE, FINE, FINE, FAILED });
	world_stage(&world, 4, true);
	decision = ask(&world);
	expect(decision.action == POLICY_NOTHING);
	expect(reason_find(&decision, POLICY_REASON_STAGED_FAILED) != NULL);
}

/* A failure is a release's, not a version's, where its root hash is known. */
static void test_staged_hash(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, (enum mark[RELEASES]){ FINE, FINE, FINE, FINE, FAILED });
	world.failures[0].root_hash = (char *)"aa";
	world_stage(&world, 4, true);
	world.machine.staged_root_hash = "aa";
	decision = ask(&world);
	expect(decision.action == POLICY_NOTHING);
	expect(reason_find(&decision, POLICY_REASON_STAGED_FAILED) != NULL);
	/* Built anew under the same version, and staged by hand. */
	world.machine.staged_root_hash = "bb";
	expect(policy_decide(&world.input).action == POLICY_REBOOT);
	/* It failed before anybody could read its version. */
	world.failures[0].root_hash = (char *)"bb";
	world.failures[0].version = (char *)"unknown";
	decision = ask(&world);
	expect(decision.action == POLICY_NOTHING);
	expect(reason_find(&decision, POLICY_REASON_STAGED_FAILED) != NULL);
}

/* Activated, and then thought better of before the reboot: what is paused stays the next boot,
 * since some machines run it well; what is revoked must not boot, whatever else stands in the
 * way. */
static void test_activated(void)
{
	struct world world;
	struct policy_decision decision;

	world_make(&world, (enum mark[RELEASES]){ FINE, FINE, FINE, FINE, PAUSED });
	world_stage(&world, 4, true);
	decision = ask(&world);
	expect(decision.action != POLICY_DROP && decision.action != POLICY_REBOOT);
	expect(reason_find(&decision, POLICY_REASON_PAUSED) != NULL);
	for (unsigned closed = 0; closed < 1 << GATES; closed += 1 << GATES / 2) {
		world_make(&world, (enum mark[RELEASES]){ FINE, FINE, FINE, FINE, REVOKED });
		world_stage(&world, 4, true);
		gates_close(&world, closed, 4);
		decision = ask(&world);
		expect(decision.action == POLICY_DROP);
		expect(reason_find(&decision, POLICY_REASON_STAGED_REVOKED) != NULL);
		world.machine.activated = false;
		expect(policy_decide(&world.input).action != POLICY_DROP);
	}
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

/* What a ref cannot say is told, and holds nothing back. */
static void test_undated(void)
{
	struct world world;
	struct policy_decision decision;
	const struct policy_reason *reason;

	world_make(&world, ALL_FINE);
	world.input.expires_s = 0;
	decision = ask(&world);
	expect(reason_find(&decision, POLICY_REASON_UNDATED) == NULL);
	world.input.undated = true;
	decision = ask(&world);
	reason = reason_find(&decision, POLICY_REASON_UNDATED);
	expect(decision.action == POLICY_STAGE && reason != NULL && !reason->blocks);
	world.input.channel = NULL;
	decision = ask(&world);
	expect(reason_find(&decision, POLICY_REASON_UNDATED) == NULL);
	expect(reason_find(&decision, POLICY_REASON_NEVER_CHECKED) != NULL);
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
	{ "when reasons end", test_times },
	{ "states in which nothing is decided", test_first },
	{ "checks", test_checks },
	{ "retries", test_retries },
	{ "fresh checks", test_fresh },
	{ "the fleet's lock", test_lock },
	{ "logged-in users", test_users },
	{ "windows for reboots", test_reboot_windows },
	{ "more waves than are told", test_many_waves },
	{ "no reboot by itself", test_reboot_never },
	{ "approval", test_approval },
	{ "supersede", test_supersede },
	{ "staged again after it failed", test_staged_failed },
	{ "staged again, another build", test_staged_hash },
	{ "activated, then paused or revoked", test_activated },
	{ "deltas that fail", test_deltas },
	{ "a channel without expiry", test_undated },
	{ "odd values", test_odd },
};
TAP_MAIN(CASES)

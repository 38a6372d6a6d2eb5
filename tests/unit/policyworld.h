/* SPDX-License-Identifier: MIT */
#pragma once
/* A world to ask the policy about: a channel whose releases are marked, a machine, and what may
 * stand in its way. Whoever asks here has all checked that holds for every answer. */

#include <string.h>

#include "failed.h"
#include "policy.h"
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

static inline void release_make(struct world *world, unsigned i)
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
static inline void world_make(struct world *world, const enum mark marks[static RELEASES])
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
		.boot_spread_s = POLICY_BOOT_S,
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

static inline void world_stage(struct world *world, unsigned index, bool activated)
{
	world->machine.staged = index < RELEASES ? VERSIONS[index] : "9";
	world->machine.staged_root_hash = NULL;
	world->machine.activated = activated;
	world->machine.staged_security_version = index < RELEASES
							 ? world->releases[index].security_version
							 : FLOOR;
}

static inline const struct policy_reason *reason_find(const struct policy_decision *decision,
						      enum policy_reason_id id)
{
	for (unsigned i = 0; i < decision->n_reasons; i++)
		if (decision->reasons[i].id == id)
			return &decision->reasons[i];
	return NULL;
}

static inline bool equals(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->action == b->action && a->release == b->release && a->next_s == b->next_s &&
	       a->urgent == b->urgent && a->full_only == b->full_only &&
	       a->n_reasons == b->n_reasons;
}

/* What holds for each answer, whatever was asked. */
static inline struct policy_decision ask(struct world *world)
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

/* What may stand in the way. */
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

static const struct policy_hold HOLDS[] = {
	{ NOW - 1, (char *)"old", (char *)"over" },
	{ POLICY_UNTIL_ACT, (char *)"me", (char *)"until I say so" },
};
/* 20:00 to 04:00; it is 08:00. */
static const struct window NIGHT = { false, 1, { { 0x7f, 1200, 1680 } } };

static inline void gates_close(struct world *world, unsigned closed, unsigned release)
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

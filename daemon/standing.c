/* SPDX-License-Identifier: MIT */
#include "standing.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "etckeep.h"
#include "failed.h"
#include "failure.h"
#include "healthstate.h"
#include "loginmessage.h"
#include "policystate.h"
#include "watchdog.h"

enum { USEC_PER_S = 1000000 };

static const char MOTD_NAME[] = "50-azupdate";
static const char ISSUE_NAME[] = "azupdate.issue";

/* --- the watchdog --- */

static void watchdog_settle(struct server *server, const struct machine_status *status)
{
	g_autoptr(GError) error = NULL;
	const gboolean on_trial = status->running != MACHINE_RUNNING_UNKNOWN && !status->committed;

	if (!watchdog_follow(server_config(server), server_bus(server), on_trial, &error))
		g_warning("the hardware's watchdog: %s", error->message);
}

void standing_begin(struct server *server, struct machine *machine)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(MachineStatus) status = machine_status_get(machine, &error);

	if (status == NULL)
		g_warning("the hardware's watchdog is left alone: %s", error->message);
	else
		watchdog_settle(server, status);
}

/* --- what is published --- */

static void health_publish(const struct config *config, const struct machine_status *status,
			   gboolean healthy)
{
	struct healthstate state = { .kind = HEALTHSTATE_UNHEALTHY, .time_us = g_get_real_time() };
	g_autoptr(GError) error = NULL;

	if (status->running != MACHINE_RUNNING_UNKNOWN) {
		const char *version = status->slots[status->running].version;

		g_strlcpy(state.version, version != NULL ? version : "", sizeof state.version);
		g_strlcpy(state.slot, status->running == SLOT_A ? "a" : "b", sizeof state.slot);
	}
	if (healthy && status->committed)
		state.kind = HEALTHSTATE_HEALTHY;
	if (!healthstate_save(config->run_dir, &state, &error))
		g_warning("the health state is not published: %s", error->message);
}

void standing_judged(struct server *server, struct machine *machine, gboolean healthy)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(MachineStatus) status = machine_status_get(machine, &error);

	if (status == NULL) {
		g_warning("the health state is not published: %s", error->message);
		return;
	}
	watchdog_settle(server, status);
	health_publish(server_config(server), status, healthy);
}

const char *standing_watchdog(const struct config *config)
{
	return watchdog_state(config);
}

/* --- the message --- */

static void slots_fill(struct loginmessage *message, const struct machine_status *status)
{
	const struct machine_slot *running = &status->slots[status->running];
	const struct machine_slot *other = &status->slots[1 - status->running];

	message->running = running->version != NULL ? running->version : "?";
	message->on_trial = running->slot.state == SLOT_TRYING;
	message->tries_left = running->slot.tries_left;
	if (other->version != NULL &&
	    (other->slot.state == SLOT_BAD ||
	     (other->slot.state == SLOT_GOOD && other->slot.failures >= SLOT_FAILURES_LIMIT))) {
		message->left = other->version;
		message->left_reason = other->reason;
	}
	if (status->next != SLOT_NONE) {
		message->next = status->slots[status->next].version;
		message->next = message->next != NULL ? message->next : "?";
		message->reboots = status->next != status->running;
	}
}

/* The hold that lasts longest. */
static void hold_fill(struct loginmessage *message, const struct policystate *state)
{
	const gint64 now_s = g_get_real_time() / USEC_PER_S;
	gint64 longest_s = now_s;

	for (guint i = 0; i < state->holds->len; i++) {
		const struct policy_hold *hold = &g_array_index(state->holds, struct policy_hold,
								i);

		if (hold->until_s <= longest_s)
			continue;
		longest_s = hold->until_s;
		message->held = TRUE;
		message->held_until_s = hold->until_s == POLICY_UNTIL_ACT ? 0 : hold->until_s;
		message->held_reason = hold->reason;
	}
}

/* NULL: there is nothing to say, and no file. */
static void file_follow(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *old = NULL;

	(void)g_file_get_contents(path, &old, NULL, NULL); /* then it is written anew */
	if (g_strcmp0(old, text) == 0)
		return;
	if (text == NULL && unlink(path) != 0 && errno != ENOENT)
		g_warning("cannot remove %s: %s", path, g_strerror(errno));
	if (text != NULL && !state_write(folder, name, text, &error))
		g_warning("the login message is old: %s", error->message);
}

void standing_message(const struct config *config, const struct machine_status *status)
{
	g_auto(EtckeepLaid) laid = etckeep_laid(config);
	g_autofree char *etc = etckeep_laid_text(&laid);
	struct loginmessage message = { .etc = etc,
					.floor = status->floor,
					.floor_request = status->floor_request };
	g_autoptr(Policystate) state = policystate_load(config->state_dir, NULL);
	g_autofree char *text = NULL;
	g_autofree char *issue = NULL;

	if (status->running != MACHINE_RUNNING_UNKNOWN)
		slots_fill(&message, status);
	if (state != NULL) /* a damaged one is told by what needs it */
		hold_fill(&message, state);
	text = loginmessage_text(&message);
	issue = text != NULL ? loginmessage_issue(text) : NULL;
	file_follow(config->motd_dir, MOTD_NAME, text);
	file_follow(config->issue_dir, ISSUE_NAME, issue);
}

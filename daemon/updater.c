/* SPDX-License-Identifier: MIT */
#include "updater.h"

#include "failure.h"
#include "hookcall.h"
#include "pending.h"
#include "policytext.h"
#include "publish.h"
#include "transition.h"
#include "updatestate.h"
#include "updatesteps.h"

enum {
	USEC_PER_S = 1000000,
	SETTLE_CONNECT_S = 10,
	STEPS_MAX = 24, /* drop, check, stage, activate, lock, reboot, and again: far fewer */
};

void updater_words_clear(struct updater_words *words)
{
	g_clear_pointer(&words->json, g_free);
	g_clear_pointer(&words->text, g_free);
}

void updater_words_free(gpointer words)
{
	updater_words_clear(words);
	g_free(words);
}

static struct updater_words words_of(const struct outlook *outlook,
				     const struct policy_decision *decision)
{
	return (struct updater_words){
		.json = policytext_json(decision, outlook->input.now_s, outlook->zone),
		.text = policytext_print(decision, outlook->input.now_s, outlook->zone),
	};
}

static struct outlook *outlook_of(const struct updater *updater, GError **error)
{
	const struct outlook_ask ask = {
		.config = updater->config,
		.machine = updater->machine,
		.bus = server_bus(updater->server),
		.asked = !updater->ask.automatic,
		.reboot = updater->ask.reboot,
		.hook = updater->veto,
	};

	return outlook_new(&ask, error);
}

static enum updatestep step_run(struct updater *updater, GError **error)
{
	g_autoptr(Outlook) outlook = outlook_of(updater, error);
	struct policy_decision decision;

	if (outlook == NULL)
		return UPDATESTEP_FAIL;
	if (g_cancellable_is_cancelled(job_cancellable(updater->job))) {
		failure_set(error, FAULT_JOB_CANCELLED, "the update was cancelled");
		return UPDATESTEP_FAIL;
	}
	decision = policy_decide(&outlook->input);
	if (updater->ask.check_only) {
		updater->ask.check_only = FALSE;
		decision.action = POLICY_CHECK;
		return updatestep_run(updater, outlook, &decision, error) == UPDATESTEP_FAIL
			       ? UPDATESTEP_FAIL
			       : UPDATESTEP_END;
	}
	return updatestep_run(updater, outlook, &decision, error);
}

static GVariant *result_encode(const struct updater *updater, const struct updater_words *words)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "did", "s", updater->did);
	g_variant_dict_insert(&dict, "version", "s",
			      updater->version != NULL ? updater->version : "");
	g_variant_dict_insert(&dict, "why", "s", words->json);
	g_variant_dict_insert(&dict, "text", "s", words->text);
	return g_variant_dict_end(&dict);
}

/* What is so at the end, for whoever asked and for the metrics. */
static GVariant *end_tell(struct updater *updater, GError **error)
{
	g_autoptr(Outlook) outlook = outlook_of(updater, error);
	struct policy_decision decision;
	struct updater_words words;
	GVariant *result;

	if (outlook == NULL)
		return NULL;
	/* One that could not be given back before, for want of the server. */
	if (!outlook->past.lock_held && outlook->past.lock_refused_s == 0)
		fleet_unlock(&updater->fleet, outlook->machine.committed, FALSE);
	fleet_deliver(&updater->fleet, outlook->machine.running);
	fleet_show(&updater->fleet, outlook->status, outlook->past.n_holds > 0,
		   outlook->past.last_success_s);
	decision = policy_decide(&outlook->input);
	words = words_of(outlook, &decision);
	result = result_encode(updater, &words);
	updater_words_clear(&words);
	return result;
}

static gboolean update_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	struct updater *updater = data;
	enum updatestep step = UPDATESTEP_ON;
	g_autoptr(GError) why = NULL;

	updater->job = job;
	updater->did = "nothing";
	if (updater->ask.automatic && updater->config->repository == NULL) {
		const struct updater_words none = { (char *)"",
						    (char *)"No repository is configured.\n" };

		*ret_result = result_encode(updater, &none);
		return TRUE;
	}
	fleet_init(&updater->fleet, updater->config, job_cancellable(job));
	for (unsigned i = 0; i < STEPS_MAX && step == UPDATESTEP_ON; i++)
		step = step_run(updater, &why);
	if (step == UPDATESTEP_FAIL) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	*ret_result = end_tell(updater, error);
	return *ret_result != NULL;
}

static void updater_free(gpointer data)
{
	struct updater *updater = data;

	g_free(updater->veto);
	g_free(updater->version);
	g_free(updater);
}

const char *updater_start(struct server *server, const struct updater_ask *ask, GError **error)
{
	struct updater *updater = g_new0(struct updater, 1);
	const struct job_task task = {
		.kind = ask->check_only ? "check" : "update",
		.run = update_run,
		.data = updater,
		.data_free = updater_free,
	};

	updater->server = server;
	updater->ask = *ask;
	if (!server_machine(server, &updater->machine, error)) {
		updater_free(updater);
		return NULL;
	}
	updater->config = server_config(server);
	return server_start_job(server, &task, error);
}

gboolean updater_why_begin(struct server *server, struct outlook_ask *ret_ask, GError **error)
{
	struct outlook_ask ask = { .config = server_config_get(server, error) };

	if (ask.config == NULL)
		return FALSE;
	if (!server_is_busy(server) && !server_machine(server, &ask.machine, error))
		return FALSE;
	ask.bus = server_bus(server);
	*ret_ask = ask;
	return TRUE;
}

struct updater_words *updater_why(const struct outlook_ask *ask, GError **error)
{
	/* Hooks are not asked just to tell: what they said last is. */
	g_autofree char *veto = hookcall_veto(ask->config);
	struct outlook_ask asked = *ask;
	g_autoptr(Outlook) outlook = NULL;
	struct updater_words *words;
	struct policy_decision decision;

	asked.hook = veto;
	outlook = outlook_new(&asked, error);
	if (outlook == NULL)
		return NULL;
	decision = policy_decide(&outlook->input);
	words = g_new(struct updater_words, 1);
	*words = words_of(outlook, &decision);
	return words;
}

/* --- what was activated, until its end --- */

static void note(const struct config *config, const char *what, const struct pending *pending,
		 const char *reason)
{
	g_autoptr(GError) error = NULL;
	struct policystate *state = updatestate_begin(config, &error);
	const gint64 now_s = g_get_real_time() / USEC_PER_S;

	if (state != NULL) {
		policystate_note(state, now_s, what, pending->version, reason);
		if (g_str_equal(what, "committed"))
			policystate_committed(state, now_s);
		(void)updatestate_end(config, state, &error); /* a warning follows */
	}
	if (error != NULL)
		g_warning("the update history is old: %s", error->message);
}

static void pending_store(const struct config *config, const struct pending *pending)
{
	g_autoptr(GError) error = NULL;

	if (!pending_save(config->state_dir, pending, &error))
		g_warning("the end of the update will not be told: %s", error->message);
}

static void pending_tell(const struct fleet *fleet, enum report_kind kind,
			 const struct pending *pending, const struct machine_slot *slot)
{
	const struct report_event event = {
		.kind = kind,
		.version = pending->version,
		.previous = pending->previous,
		.slot = pending->slot == SLOT_A ? 'a' : 'b',
		.why = kind == REPORT_ROLLED_BACK ? (fault)slot->slot.fault : FAULT_OK,
		.reason = kind == REPORT_ROLLED_BACK ? slot->reason : NULL,
	};

	fleet_tell(fleet, &event);
}

void updater_activated(const struct config *config, struct machine *machine, unsigned slot,
		       gboolean rollback)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(MachineStatus) status = machine_status_get(machine, &error);
	struct pending pending = { .slot = slot,
				   .time_us = g_get_real_time(),
				   .rollback = rollback };
	struct fleet fleet;

	if (status == NULL) {
		g_warning("the end of the update will not be told: %s", error->message);
		return;
	}
	if (status->slots[slot].version == NULL)
		return;
	pending.version = g_strdup(status->slots[slot].version);
	if (status->running != MACHINE_RUNNING_UNKNOWN)
		pending.previous = g_strdup(status->slots[status->running].version);
	fleet_init(&fleet, config, NULL);
	pending_store(config, &pending);
	note(config, "activated", &pending, rollback ? "rollback by hand" : NULL);
	pending_tell(&fleet, REPORT_ACTIVATED, &pending, &status->slots[slot]);
	pending_clear(&pending);
}

/* The release in `slot`, which is not the running one any more, and why. */
static void left_tell(const struct transition *transition, const struct machine_status *status,
		      unsigned slot, const char *reason)
{
	const struct hooks_event event = {
		.version = status->slots[slot].version,
		.slot = publish_slot_name(slot),
		.root_hash = status->slots[slot].root_hash,
		.reason = reason,
		.why = (fault)status->slots[slot].slot.fault,
	};

	transition_left(transition, status, &event);
}

static void pending_settle(const struct transition *transition, const struct fleet *fleet,
			   const struct machine_status *status)
{
	const struct config *config = fleet->config;
	const struct pending nothing = { .version = NULL };
	g_auto(Pending) pending = pending_load(config->state_dir);
	const struct machine_slot *slot = &status->slots[pending.slot];
	unsigned left = SLOT_NONE;
	const struct pending_slot now = {
		.state = slot->slot.state,
		.version = slot->version,
		.running = slot->running,
		.committed = status->committed,
	};

	switch (pending_judge(&pending, &now)) {
	case PENDING_COMMITTED:
		note(config, "committed", &pending, NULL);
		pending_tell(fleet, REPORT_COMMITTED, &pending, slot);
		left = pending.rollback ? 1 - pending.slot : SLOT_NONE;
		break;
	case PENDING_ROLLED_BACK:
		note(config, "rolled-back", &pending, slot->reason);
		pending_tell(fleet, REPORT_ROLLED_BACK, &pending, slot);
		left = pending.slot;
		break;
	case PENDING_DROPPED:
		break;
	case PENDING_NONE:
	case PENDING_OPEN:
		return;
	}
	pending_store(config, &nothing);
	if (left != SLOT_NONE && left != status->running)
		left_tell(transition, status, left,
			  left == pending.slot ? slot->reason : "rollback by hand");
}

void updater_settle(const struct transition *transition)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(MachineStatus) status = machine_status_get(transition->machine, &error);
	struct fleet fleet;

	if (status == NULL) {
		g_warning("what became of the update is not told: %s", error->message);
		return;
	}
	fleet_init(&fleet, transition->config, job_cancellable(transition->job));
	/* The boot is not complete before this is over. */
	fleet.network.connect_time_s = MIN(fleet.network.connect_time_s, SETTLE_CONNECT_S);
	pending_settle(transition, &fleet, status);
	transition_settle(transition, status);
	fleet_unlock(&fleet, status->committed, FALSE);
	if (status->running != MACHINE_RUNNING_UNKNOWN)
		fleet_deliver(&fleet, status->slots[status->running].version);
}

/* SPDX-License-Identifier: MIT */
#include "updatesteps.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "failure.h"
#include "publish.h"
#include "reboot.h"
#include "rebootguard.h"
#include "transition.h"
#include "updatestate.h"
#include "words.h"

enum { USEC_PER_S = 1000000 };

static gint64 now_s(void)
{
	return g_get_real_time() / USEC_PER_S;
}

/* A failure of what the timer began is no failure of the unit: the policy comes back to it, and
 * says so. What somebody asked for by hand is told to them. A cancel is an end in any case. */
static enum updatestep step_failed(const struct updater *updater, GError *why, GError **error)
{
	if (!updater->ask.automatic || failure_code(why) == FAULT_JOB_CANCELLED) {
		g_propagate_error(error, why);
		return UPDATESTEP_FAIL;
	}
	g_warning("%s", why->message);
	g_error_free(why);
	return UPDATESTEP_END;
}

/* Carries on although the state could not be kept: the machine itself is as it should be. */
static void state_end(const struct updater *updater, struct policystate *state)
{
	g_autoptr(GError) error = NULL;

	if (!updatestate_end(updater->config, state, &error))
		g_warning("the update state is old: %s", error->message);
}

static void event_tell(const struct updater *updater, enum report_kind kind,
		       const struct outlook *outlook, const char *version, const GError *why)
{
	const struct report_event event = {
		.kind = kind,
		.version = version,
		.previous = outlook->machine.running,
		.slot = outlook->other == SLOT_NONE ? 0 : (outlook->other == SLOT_A ? 'a' : 'b'),
		.why = why != NULL ? failure_code(why) : FAULT_OK,
		.reason = why != NULL ? why->message : NULL,
	};

	fleet_tell(&updater->fleet, &event);
}

/* --- check --- */

static gboolean repository_ask(struct updater *updater, const struct outlook *outlook,
			       GError **error)
{
	GCancellable *cancellable = job_cancellable(updater->job);
	g_autoptr(Catalogue) catalogue = catalogue_open(updater->config, cancellable, error);
	static const struct machine_progress STEP = { .step = "check" };

	if (catalogue == NULL)
		return FALSE;
	job_progress(&STEP, updater->job);
	return catalogue_refresh(catalogue, now_s(), error) &&
	       fleet_ask(&updater->fleet, outlook->machine.running, outlook->machine.asked,
			 outlook->machine.staged != NULL, error);
}

static enum updatestep check_do(struct updater *updater, const struct outlook *outlook,
				GError **error)
{
	GError *why = NULL;
	const gboolean done = repository_ask(updater, outlook, &why);
	struct policystate *state;
	int64_t known_s;

	if (!done && failure_code(why) == FAULT_JOB_CANCELLED)
		return step_failed(updater, why, error);
	state = updatestate_begin(updater->config, done ? &why : NULL);
	if (state == NULL)
		return step_failed(updater, why, error);
	known_s = state->last_known_s;
	policystate_checked(state, now_s(), done);
	/* With nothing that expires, a clock that is ahead would pass for right, and keep the
	 * machine from updates until that time comes. */
	if (outlook->input.undated)
		state->last_known_s = known_s;
	state_end(updater, state);
	/* After a failure the policy goes on with what it knows, and tells since when that is. */
	if (!done && step_failed(updater, why, error) == UPDATESTEP_FAIL)
		return UPDATESTEP_FAIL;
	return UPDATESTEP_ON;
}

/* --- stage --- */

static struct transition transition_of(const struct updater *updater)
{
	return (struct transition){
		.config = updater->config,
		.machine = updater->machine,
		.job = updater->job,
		.by = updater->ask.automatic ? "by the policy" : "by hand",
	};
}

/* A hook's no is no failure: the policy knows of it now, and says so. */
static gboolean veto_take(struct updater *updater, GError **why)
{
	if (!hooks_is_veto(*why))
		return FALSE;
	g_free(updater->veto);
	updater->veto = g_strdup((*why)->message);
	g_clear_error(why);
	return TRUE;
}

static void omaha_tell(const struct updater *updater, enum omaha_event event, const char *version)
{
	const struct omaha_step step = { .event = event, .version = version };

	fleet_note(&updater->fleet, &step);
}

/* A download that hooks and policy allow. */
struct download {
	const struct updater *updater;
	const char *version;
	gboolean told;
};

static void download_begins(gpointer data)
{
	struct download *download = data;

	if (!download->told)
		omaha_tell(download->updater, OMAHA_DOWNLOAD_STARTED, download->version);
	download->told = TRUE;
}

static gboolean bundle_install(struct updater *updater, const struct catalogue_bundle *bundle,
			       struct download *download, struct machine_installed *ret_installed,
			       GError **error)
{
	const struct transition transition = transition_of(updater);
	struct transition_stage stage = {
		.options = {
			.fd = -1,
			.url = bundle->is_file ? NULL : bundle->location,
			.manifest_hash = bundle->manifest_hash,
			.progress = job_progress,
			.user_data = updater->job,
			.cancellable = job_cancellable(updater->job),
		},
		.allowed = download_begins,
		.allowed_data = download,
	};
	gboolean done;

	if (bundle->is_file) {
		stage.options.fd = open(bundle->location, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (stage.options.fd < 0)
			return failure_set(error, FAULT_DISK_OPEN, "cannot open %s: %s",
					   bundle->location, g_strerror(errno));
	}
	done = transition_stage(&transition, &stage, ret_installed, error);
	if (stage.options.fd >= 0)
		close(stage.options.fd);
	if (done)
		job_fetched(updater->job, ret_installed->fetched_bytes);
	return done;
}

static gboolean release_stage(struct updater *updater, const struct outlook *outlook,
			      const struct policy_decision *decision, GError **error)
{
	struct download download = { .updater = updater, .version = decision->release->version };
	struct catalogue_bundle bundle = { .location = NULL };
	struct machine_installed installed = { .slot = SLOT_NONE };
	gboolean done;

	if (!catalogue_find(outlook->catalogue, decision->release, outlook->machine.running,
			    decision->full_only, &bundle, error))
		return FALSE;
	done = bundle_install(updater, &bundle, &download, &installed, error);
	if (done) {
		download_begins(&download); /* of a release that was there already, too */
		omaha_tell(updater, OMAHA_DOWNLOAD_FINISHED, download.version);
	}
	machine_installed_clear(&installed);
	catalogue_bundle_clear(&bundle);
	return done;
}

static void stage_note(struct updater *updater, const char *version, const GError *why)
{
	struct policystate *state = updatestate_begin(updater->config, NULL);

	if (state == NULL)
		return;
	if (why == NULL) {
		policystate_forget_attempts(state, version);
		policystate_note(state, now_s(), "staged", version, NULL);
	} else {
		policystate_attempt(state, version, now_s(), why->message);
		policystate_note(state, now_s(), "failed", version, why->message);
	}
	state_end(updater, state);
}

static void did_set(struct updater *updater, const char *did, const char *version)
{
	updater->did = did;
	g_free(updater->version);
	updater->version = g_strdup(version);
}

static enum updatestep stage_do(struct updater *updater, const struct outlook *outlook,
				const struct policy_decision *decision, GError **error)
{
	const char *version = decision->release->version;
	GError *why = NULL;

	if (release_stage(updater, outlook, decision, &why)) {
		stage_note(updater, version, NULL);
		event_tell(updater, REPORT_STAGED, outlook, version, NULL);
		did_set(updater, "staged", version);
		return UPDATESTEP_ON;
	}
	if (veto_take(updater, &why))
		return UPDATESTEP_ON;
	if (failure_code(why) != FAULT_JOB_CANCELLED) {
		stage_note(updater, version, why);
		event_tell(updater, REPORT_FAILED, outlook, version, why);
	}
	return step_failed(updater, why, error);
}

/* --- what is staged --- */

/* Why the release must not boot, as the policy says it. */
static const char *drop_reason(const struct policy_decision *decision, const char *version)
{
	for (unsigned i = 0; i < decision->n_reasons; i++) {
		const struct policy_reason *reason = &decision->reasons[i];

		if (reason->text != NULL && g_strcmp0(reason->version, version) == 0)
			return reason->text;
	}
	return "below the floor"; /* the one reason that has no text */
}

static enum updatestep drop_do(struct updater *updater, const struct outlook *outlook,
			       const struct policy_decision *decision, GError **error)
{
	g_autofree char *reason = g_strndup(drop_reason(decision, outlook->machine.staged),
					    WORDS_MAX);
	struct policystate *state;
	GError *why = NULL;

	if (!machine_mark_bad(updater->machine, outlook->other, reason, &why))
		return step_failed(updater, why, error);
	state = updatestate_begin(updater->config, NULL);
	if (state != NULL) {
		policystate_note(state, now_s(), "dropped", outlook->machine.staged, reason);
		state_end(updater, state);
	}
	return UPDATESTEP_ON;
}

static enum updatestep activate_do(struct updater *updater, const struct outlook *outlook,
				   const struct policy_decision *decision, GError **error)
{
	const struct transition transition = transition_of(updater);
	const char *version = decision->release->version;
	GError *why = NULL;
	gboolean changed;

	if (!transition_activate(&transition, outlook->other, &changed, &why)) {
		if (veto_take(updater, &why))
			return UPDATESTEP_ON;
		if (failure_code(why) != FAULT_JOB_CANCELLED) {
			stage_note(updater, version, why);
			event_tell(updater, REPORT_FAILED, outlook, version, why);
		}
		return step_failed(updater, why, error);
	}
	did_set(updater, "activated", version);
	return UPDATESTEP_ON;
}

/* --- the reboot --- */

static enum updatestep lock_do(struct updater *updater, GError **error)
{
	GError *why = NULL;
	const gboolean done = fleet_lock(&updater->fleet, &why);
	struct policystate *state = updatestate_begin(updater->config, NULL);

	if (!done && failure_code(why) == FAULT_JOB_CANCELLED) {
		if (state != NULL)
			state_end(updater, state);
		return step_failed(updater, why, error);
	}
	if (state != NULL) {
		policystate_lock(state, now_s(), done ? NULL : why->message);
		state_end(updater, state);
	}
	g_clear_error(&why); /* the policy tells it */
	return state != NULL ? UPDATESTEP_ON : UPDATESTEP_END;
}

static void lock_return(struct updater *updater, const struct outlook *outlook)
{
	struct policystate *state;

	fleet_unlock(&updater->fleet, outlook->machine.committed, FALSE);
	state = updatestate_begin(updater->config, NULL);
	if (state == NULL)
		return;
	policystate_unlocked(state);
	state_end(updater, state);
}

/* A server that cannot be reached is asked again the next time, not at once. */
static enum updatestep unlock_do(struct updater *updater, const struct outlook *outlook)
{
	lock_return(updater, outlook);
	return fleet_is_locked(&updater->fleet) ? UPDATESTEP_END : UPDATESTEP_ON;
}

static gboolean reboot_hooks(struct updater *updater, const struct outlook *outlook, GError **error)
{
	const struct hookcall call = { .config = updater->config, .job = updater->job };
	const struct machine_slot *slot = &outlook->status->slots[outlook->other];
	const struct hooks_event event = {
		.version = slot->version,
		.slot = publish_slot_name(outlook->other),
		.root_hash = slot->root_hash,
		.running = outlook->machine.running,
		.reason = updater->ask.automatic ? "by the policy" : "by hand",
	};

	return hookcall_ask(&call, HOOKS_PRE_REBOOT, &event, error);
}

static gboolean machine_reboot(struct updater *updater, const struct outlook *outlook,
			       const char *version, GError **error)
{
	const struct rebootguard_options options = {
		.bus = server_bus(updater->server),
		.warn_s = updater->config->warn_s,
		.version = version,
	};
	GCancellable *cancellable = job_cancellable(updater->job);
	enum rebootguard_outcome outcome;

	if (!rebootguard_inhibitors_check(&options, cancellable, error) ||
	    !reboot_hooks(updater, outlook, error) ||
	    !rebootguard_reboot(&options, cancellable, &outcome, error))
		return FALSE;
	return outcome == REBOOTGUARD_REBOOTING || reboot_request(options.bus, error);
}

static enum updatestep reboot_do(struct updater *updater, const struct outlook *outlook,
				 const struct policy_decision *decision, GError **error)
{
	const char *version = decision->release->version;
	struct policystate *state;
	GError *why = NULL;

	/* What was told until now should not wait for the boot after this one. */
	fleet_deliver(&updater->fleet, outlook->machine.running);
	if (!machine_reboot(updater, outlook, version, &why)) {
		/* Others of the group may go first. */
		lock_return(updater, outlook);
		return step_failed(updater, why, error);
	}
	state = updatestate_begin(updater->config, NULL);
	if (state != NULL) {
		policystate_note(state, now_s(), "rebooting", version, NULL);
		state_end(updater, state);
	}
	did_set(updater, "rebooting", version);
	return UPDATESTEP_END;
}

enum updatestep updatestep_run(struct updater *updater, const struct outlook *outlook,
			       const struct policy_decision *decision, GError **error)
{
	switch (decision->action) {
	case POLICY_CHECK:
		return check_do(updater, outlook, error);
	case POLICY_STAGE:
		return stage_do(updater, outlook, decision, error);
	case POLICY_DROP:
		return drop_do(updater, outlook, decision, error);
	case POLICY_ACTIVATE:
		return activate_do(updater, outlook, decision, error);
	case POLICY_LOCK:
		return lock_do(updater, error);
	case POLICY_UNLOCK:
		return unlock_do(updater, outlook);
	case POLICY_REBOOT:
		return reboot_do(updater, outlook, decision, error);
	case POLICY_WARN: /* the reboot does it (rebootguard.h) */
	case POLICY_NOTHING:
	case POLICY_ACTION_COUNT:
		break;
	}
	return UPDATESTEP_END;
}

/* SPDX-License-Identifier: MIT */
#include "hookcall.h"

#include "failure.h"
#include "hookstate.h"
#include "updatestate.h"

enum {
	USEC_PER_S = 1000000,
	VETO_STANDS_S = 86400, /* nobody has asked since: it says nothing any more */
};

static void note(const struct config *config, const char *what, const char *version,
		 const char *reason)
{
	g_autoptr(GError) error = NULL;
	struct policystate *state = updatestate_begin(config, &error);

	if (state != NULL) {
		policystate_note(state, g_get_real_time() / USEC_PER_S, what, version, reason);
		(void)updatestate_end(config, state, &error); /* a warning follows */
	}
	if (error != NULL)
		g_warning("the update history is old: %s", error->message);
}

/* The history has a veto once, however often the timer asks again. */
static void veto_note(const struct config *config, enum hooks_kind kind, const char *version,
		      const char *reason)
{
	g_auto(Hookstate) state = hookstate_load(config->state_dir);
	g_autofree char *before = g_strdup(state.veto);
	g_autoptr(GError) error = NULL;

	if (!hookstate_note_veto(&state, kind, version, reason))
		return;
	if (reason != NULL && g_strcmp0(before, state.veto) != 0)
		note(config, "vetoed", version, state.veto);
	if (!hookstate_save(config->state_dir, &state, &error))
		g_warning("what a hook has said is forgotten: %s", error->message);
}

static void step_show(enum hooks_kind kind, gpointer job)
{
	job_step(job, hooks_name(kind));
}

static gboolean run(const struct hookcall *call, enum hooks_kind kind,
		    const struct hooks_event *event, GError **error)
{
	g_autoptr(GDBusConnection) bus = job_bus(call->job);
	const struct hooks_options options = {
		.folders = (const char *const *)call->config->hook_dirs,
		.time_s = call->config->hook_time_s,
		.bus = bus,
		.begin = step_show,
		.begin_data = call->job,
	};

	return hooks_run(kind, event, &options, job_cancellable(call->job), error);
}

gboolean hookcall_ask(const struct hookcall *call, enum hooks_kind kind,
		      const struct hooks_event *event, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (run(call, kind, event, &why)) {
		veto_note(call->config, kind, event->version, NULL);
		return TRUE;
	}
	if (hooks_is_veto(why))
		veto_note(call->config, kind, event->version, why->message);
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

void hookcall_tell(const struct hookcall *call, enum hooks_kind kind,
		   const struct hooks_event *event)
{
	g_autoptr(GError) why = NULL;

	if (run(call, kind, event, &why))
		return;
	g_warning("%s", why->message);
	note(call->config, "hook-failed", event->version, why->message);
}

char *hookcall_veto(const struct config *config)
{
	g_auto(Hookstate) state = hookstate_load(config->state_dir);
	const gint64 age_us = g_get_real_time() - state.veto_time_us;

	return age_us >= 0 && age_us < (gint64)VETO_STANDS_S * USEC_PER_S
		       ? g_steal_pointer(&state.veto)
		       : NULL;
}

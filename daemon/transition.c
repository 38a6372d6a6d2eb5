/* SPDX-License-Identifier: MIT */
#include "transition.h"

#include "failure.h"
#include "hookstate.h"
#include "publish.h"
#include "updater.h"

static struct hookcall call_of(const struct transition *transition)
{
	return (struct hookcall){ .config = transition->config, .job = transition->job };
}

static const char *running_version(const struct machine_status *status)
{
	return status->running != MACHINE_RUNNING_UNKNOWN ? status->slots[status->running].version
							  : NULL;
}

static struct hooks_event event_of(const struct transition *transition,
				   const struct machine_status *status, unsigned slot)
{
	return (struct hooks_event){
		.version = status->slots[slot].version,
		.slot = publish_slot_name(slot),
		.root_hash = status->slots[slot].root_hash,
		.running = running_version(status),
		.reason = transition->by,
	};
}

/* --- stage --- */

struct staging {
	const struct transition *transition;
	const struct transition_stage *stage;
	char *running;   /* the version that runs, or NULL */
	char *root_hash; /* of what is staged; NULL: it was there already */
};

static gboolean stage_allow(const struct machine_release *release, gpointer data, GError **error)
{
	struct staging *staging = data;
	const struct hookcall call = call_of(staging->transition);
	const struct hooks_event event = {
		.version = release->version,
		.slot = publish_slot_name(release->slot),
		.root_hash = release->root_hash,
		.running = staging->running,
		.reason = staging->transition->by,
	};

	if (!hookcall_ask(&call, HOOKS_PRE_STAGE, &event, error))
		return FALSE;
	staging->root_hash = g_strdup(release->root_hash);
	if (staging->stage->allowed != NULL)
		staging->stage->allowed(staging->stage->allowed_data);
	return TRUE;
}

static void stage_tell(const struct staging *staging, const struct machine_installed *installed)
{
	const struct hookcall call = call_of(staging->transition);
	const struct hooks_event event = {
		.version = installed->version,
		.slot = publish_slot_name(installed->slot),
		.root_hash = staging->root_hash,
		.running = staging->running,
		.reason = staging->transition->by,
	};

	hookcall_tell(&call, HOOKS_POST_STAGE, &event);
}

gboolean transition_stage(const struct transition *transition, const struct transition_stage *stage,
			  struct machine_installed *ret_installed, GError **error)
{
	g_autoptr(MachineStatus) status = machine_status_get(transition->machine, error);
	struct staging staging = { .transition = transition, .stage = stage };
	struct machine_install options = stage->options;
	gboolean done;

	if (status == NULL)
		return FALSE;
	staging.running = g_strdup(running_version(status));
	options.allow = stage_allow;
	options.allow_data = &staging;
	options.activate = FALSE;
	done = options.stored != NULL
		       ? machine_restore(transition->machine, options.stored, &options,
					 ret_installed, error)
		       : machine_install(transition->machine, &options, ret_installed, error);
	if (done && staging.root_hash != NULL)
		stage_tell(&staging, ret_installed);
	g_free(staging.running);
	g_free(staging.root_hash);
	return done;
}

/* --- activate --- */

static void activated_remember(const struct transition *transition, const char *root_hash)
{
	const char *state_dir = transition->config->state_dir;
	g_auto(Hookstate) state = hookstate_load(state_dir);
	g_autoptr(GError) error = NULL;

	if (hookstate_note_activated(&state, root_hash) &&
	    !hookstate_save(state_dir, &state, &error))
		g_warning("what hooks were told is old: %s", error->message);
}

static gboolean slot_is_startable(const struct slot *slot)
{
	return slot->state != SLOT_EMPTY && slot->state != SLOT_BAD;
}

/* What is to become of /etc is on the disk before the release can boot. */
static gboolean etc_activate(const struct transition *transition,
			     const struct machine_status *status, unsigned slot, GError **error)
{
	const struct etcstep step = {
		.config = transition->config,
		.version = running_version(status),
		.root_hash = status->running != MACHINE_RUNNING_UNKNOWN
				     ? status->slots[status->running].root_hash
				     : NULL,
		.next_root_hash = status->slots[slot].root_hash,
		.rollback = transition->rollback,
		.choice = transition->etc,
	};
	g_auto(EtcbootRequest) before = etcboot_request_load(transition->config->state_dir);

	if (!etcstep_before(&step, error))
		return FALSE;
	if (machine_activate(transition->machine, slot, error))
		return TRUE;
	etcstep_undo(&step, &before);
	return FALSE;
}

gboolean transition_activate(const struct transition *transition, unsigned slot,
			     gboolean *ret_changed, GError **error)
{
	g_autoptr(MachineStatus) status = machine_status_get(transition->machine, error);
	const struct hookcall call = call_of(transition);
	struct hooks_event event;
	gboolean changes;

	if (status == NULL)
		return FALSE;
	event = event_of(transition, status, slot);
	changes = !machine_is_so(transition->machine, MACHINE_STEP_ACTIVATE, slot);
	/* What cannot be activated is no question for hooks: the step itself says why. */
	if (changes && slot_is_startable(&status->slots[slot].slot) &&
	    !hookcall_ask(&call, HOOKS_PRE_ACTIVATE, &event, error))
		return FALSE;
	if (!etc_activate(transition, status, slot, error))
		return FALSE;
	*ret_changed = changes;
	if (!changes)
		return TRUE;
	activated_remember(transition, event.root_hash);
	updater_activated(transition->config, transition->machine, slot, transition->rollback);
	return TRUE;
}

/* --- commit --- */

gboolean transition_mark_good(const struct transition *transition, unsigned slot,
			      gboolean *ret_changed, GError **error)
{
	const gboolean changes = !machine_is_so(transition->machine, MACHINE_STEP_MARK_GOOD, slot);

	if (!machine_mark_good(transition->machine, slot, error))
		return FALSE;
	*ret_changed = changes;
	return TRUE;
}

/* Noted before they run: a hook that reboots the machine must not do so at every boot. */
static gboolean noted(const struct transition *transition, const char *root_hash,
		      gboolean (*change)(struct hookstate *state, const char *root_hash))
{
	const char *state_dir = transition->config->state_dir;
	g_auto(Hookstate) state = hookstate_load(state_dir);
	g_autoptr(GError) error = NULL;

	if (root_hash == NULL || !change(&state, root_hash))
		return FALSE;
	if (hookstate_save(state_dir, &state, &error))
		return TRUE;
	g_warning("hooks are not told: %s", error->message);
	return FALSE;
}

void transition_left(const struct transition *transition, const struct machine_status *status,
		     const struct hooks_event *event)
{
	const struct hookcall call = call_of(transition);
	struct hooks_event told = *event;

	if (!noted(transition, event->root_hash, hookstate_note_left))
		return;
	told.running = running_version(status);
	hookcall_tell(&call, HOOKS_POST_ROLLBACK, &told);
}

void transition_settle(const struct transition *transition, const struct machine_status *status)
{
	const struct hookcall call = call_of(transition);
	const struct machine_slot *running, *other;
	struct hooks_event event;

	if (status->running == MACHINE_RUNNING_UNKNOWN)
		return;
	running = &status->slots[status->running];
	other = &status->slots[1 - status->running];
	if (hookstate_is_left(&running->slot, &other->slot, status->boot_reason)) {
		event = event_of(transition, status, 1 - status->running);
		event.reason = other->reason;
		event.why = (fault)other->slot.fault;
		transition_left(transition, status, &event);
	}
	if (status->committed)
		etcstep_committed(transition->config, running->root_hash);
	if (!status->committed || !noted(transition, running->root_hash, hookstate_note_commit))
		return;
	event = event_of(transition, status, status->running);
	hookcall_tell(&call, HOOKS_POST_COMMIT, &event);
}

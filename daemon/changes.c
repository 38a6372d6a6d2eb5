/* SPDX-License-Identifier: MIT */
#include "changes.h"

#include <string.h>

#include "call.h"
#include "failure.h"
#include "publish.h"
#include "standing.h"
#include "transition.h"
#include "updater.h"
#include "version.h"
#include "words.h"

enum change_kind { CHANGE_ACTIVATE, CHANGE_ROLLBACK, CHANGE_MARK_GOOD, CHANGE_MARK_BAD };

/* One call, until it is answered. */
struct change {
	enum change_kind kind;
	struct server *server;
	struct machine *machine;
	GDBusMethodInvocation *invocation; /* NULL: answered */
	unsigned slot;                     /* of a rollback, once it is found */
	char *version;                     /* to go back to, or NULL */
	char *reason;                      /* why it is bad */
	gboolean changed;
	enum etcstep_choice etc; /* of a rollback */
};

static void change_free(gpointer data)
{
	struct change *change = data;

	g_free(change->version);
	g_free(change->reason);
	g_free(change);
}

static void change_answer(gpointer data, const GError *error)
{
	struct change *change = data;
	GDBusMethodInvocation *invocation = g_steal_pointer(&change->invocation);
	const char *slot = publish_slot_name(change->slot);

	if (error != NULL)
		g_dbus_method_invocation_return_gerror(invocation, error);
	else if (change->kind == CHANGE_ROLLBACK)
		g_dbus_method_invocation_return_value(invocation,
						      g_variant_new("(sb)", slot, change->changed));
	else
		g_dbus_method_invocation_return_value(invocation,
						      g_variant_new("(b)", change->changed));
}

static gboolean mark_good(struct change *change, const struct transition *transition,
			  GError **error)
{
	g_autoptr(MachineStatus) status = NULL;

	if (!transition_mark_good(transition, change->slot, &change->changed, error))
		return FALSE;
	status = machine_status_get(change->machine, NULL);
	/* What runs is committed: what waits for that goes on. */
	if (status == NULL || status->running != change->slot)
		return TRUE;
	standing_judged(change->server, change->machine, TRUE);
	server_store_later(change->server);
	updater_settle(transition);
	return TRUE;
}

static gboolean mark_bad(struct change *change, GError **error)
{
	change->changed = !machine_is_so(change->machine, MACHINE_STEP_MARK_BAD, change->slot);
	return machine_mark_bad(change->machine, change->slot, change->reason, error);
}

static gboolean change_make(struct change *change, const struct transition *transition,
			    GError **error)
{
	switch (change->kind) {
	case CHANGE_ROLLBACK:
		if (!machine_rollback_find(change->machine, change->version, &change->slot, error))
			return FALSE;
		return transition_activate(transition, change->slot, &change->changed, error);
	case CHANGE_ACTIVATE:
		return transition_activate(transition, change->slot, &change->changed, error);
	case CHANGE_MARK_GOOD:
		return mark_good(change, transition, error);
	case CHANGE_MARK_BAD:
		return mark_bad(change, error);
	}
	g_assert_not_reached();
}

static gboolean change_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	struct change *change = data;
	const struct transition transition = {
		.config = server_config(change->server),
		.machine = change->machine,
		.job = job,
		.by = "by hand",
		.rollback = change->kind == CHANGE_ROLLBACK,
		.etc = change->etc,
	};
	const gboolean done = change_make(change, &transition, error);
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "slot", "s", publish_slot_name(change->slot));
	g_variant_dict_insert(&dict, "changed", "b", done && change->changed);
	*ret_result = g_variant_dict_end(&dict);
	return done;
}

static const char *const KIND_NAMES[] = {
	[CHANGE_ACTIVATE] = "activate",
	[CHANGE_ROLLBACK] = "rollback",
	[CHANGE_MARK_GOOD] = "mark-good",
	[CHANGE_MARK_BAD] = "mark-bad",
};

/* Takes over `change` and answers, now or when the job has ended. */
static gboolean change_start(struct change *change, GDBusMethodInvocation *invocation)
{
	const struct job_task task = {
		.kind = KIND_NAMES[change->kind],
		.run = change_run,
		.answer = change_answer,
		.data = change,
		.data_free = change_free,
	};
	GError *error = NULL;

	change->invocation = invocation;
	if (!server_machine(change->server, &change->machine, &error)) {
		change_free(change);
		return call_fail(invocation, error);
	}
	if (server_start_job(change->server, &task, &error) == NULL)
		return call_fail(invocation, error);
	return TRUE;
}

static struct change *change_new(struct server *server, enum change_kind kind)
{
	struct change *change = g_new0(struct change, 1);

	change->kind = kind;
	change->server = server;
	change->slot = SLOT_NONE;
	return change;
}

static gboolean slot_change(GDBusMethodInvocation *invocation, struct change *change,
			    const char *name)
{
	GError *error = NULL;

	if (!call_slot_parse(name, &change->slot, &error)) {
		change_free(change);
		return call_fail(invocation, error);
	}
	call_log(invocation, name);
	return change_start(change, invocation);
}

static gboolean activate_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				const char *name, gpointer user_data)
{
	return slot_change(invocation, change_new(user_data, CHANGE_ACTIVATE), name);
}

static gboolean mark_good_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				 const char *name, gpointer user_data)
{
	return slot_change(invocation, change_new(user_data, CHANGE_MARK_GOOD), name);
}

static gboolean mark_bad_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				const char *name, const char *reason, gpointer user_data)
{
	struct change *change;
	GError *error = NULL;

	if (!words_check(reason, &error))
		return call_fail(invocation, error);
	change = change_new(user_data, CHANGE_MARK_BAD);
	change->reason = g_strdup(reason);
	return slot_change(invocation, change, name);
}

static gboolean rollback_answer(GDBusMethodInvocation *invocation, const char *version,
				enum etcstep_choice etc, struct server *server)
{
	struct change *change;
	GError *error = NULL;

	if (version[0] != '\0' && !version_is_valid(version)) {
		failure_set(&error, FAULT_ARGUMENT, "\"%.64s\" is no version", version);
		return call_fail(invocation, error);
	}
	change = change_new(server, CHANGE_ROLLBACK);
	change->etc = etc;
	change->version = version[0] != '\0' ? g_strdup(version) : NULL;
	call_log(invocation, version[0] != '\0' ? version : "the other slot");
	return change_start(change, invocation);
}

static gboolean rollback_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				const char *version, gpointer user_data)
{
	return rollback_answer(invocation, version, ETCSTEP_CONFIGURED, user_data);
}

static gboolean rollback_etc_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				    const char *version, gboolean restore, gpointer user_data)
{
	return rollback_answer(invocation, version, restore ? ETCSTEP_RESTORE : ETCSTEP_KEEP,
			       user_data);
}

void changes_connect(BusManager *manager, struct server *server)
{
	g_signal_connect(manager, "handle-activate", G_CALLBACK(activate_handle), server);
	g_signal_connect(manager, "handle-rollback", G_CALLBACK(rollback_handle), server);
	g_signal_connect(manager, "handle-rollback-etc", G_CALLBACK(rollback_etc_handle), server);
	g_signal_connect(manager, "handle-mark-good", G_CALLBACK(mark_good_handle), server);
	g_signal_connect(manager, "handle-mark-bad", G_CALLBACK(mark_bad_handle), server);
}

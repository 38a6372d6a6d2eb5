/* SPDX-License-Identifier: MIT */
#include "caller.h"

#include <unistd.h>

#include "actions.h"
#include "failure.h"
#include "polkit.h"
#include "quietlog.h"

struct caller_gate {
	GDBusConnection *bus;
	caller_way make_way;
	gpointer way_data;
	GPtrArray *calls; /* of struct call, not passed or refused yet */
	struct quietlog log;
	unsigned asked; /* questions so far, for their names */
	gboolean closing;
};

struct call {
	struct caller_gate *gate;
	GDBusInterfaceSkeleton *skeleton;
	GDBusMethodInvocation *invocation; /* consumed by its answer */
	struct actions_need need;
	GCancellable *cancellable;
	guint32 uid;
	gboolean asking;  /* polkit */
	gboolean waiting; /* allowed, until there is way */
	guint watch;      /* for the caller's end; 0: none */
};

static const char *method_of(const struct call *call)
{
	return g_dbus_method_invocation_get_method_name(call->invocation);
}

static const char *sender_of(const struct call *call)
{
	return g_dbus_method_invocation_get_sender(call->invocation);
}

static void call_end(struct call *call)
{
	if (call->watch != 0)
		g_dbus_connection_signal_unsubscribe(call->gate->bus, call->watch);
	g_ptr_array_remove_fast(call->gate->calls, call);
	g_object_unref(call->skeleton);
	g_object_unref(call->cancellable);
	g_free(call);
}

/* Hands the call to the object, as if nobody had held it up. */
static void call_pass(struct call *call)
{
	GDBusMethodInvocation *invocation = call->invocation;
	const GDBusInterfaceVTable *table = g_dbus_interface_skeleton_get_vtable(call->skeleton);

	table->method_call(g_dbus_method_invocation_get_connection(invocation),
			   g_dbus_method_invocation_get_sender(invocation),
			   g_dbus_method_invocation_get_object_path(invocation),
			   g_dbus_method_invocation_get_interface_name(invocation),
			   g_dbus_method_invocation_get_method_name(invocation),
			   g_dbus_method_invocation_get_parameters(invocation), invocation,
			   call->skeleton);
	call_end(call);
}

static GPtrArray *calls_waiting(const struct caller_gate *gate)
{
	GPtrArray *waiting = g_ptr_array_new();

	for (guint i = 0; i < gate->calls->len; i++) {
		struct call *call = g_ptr_array_index(gate->calls, i);

		if (call->waiting)
			g_ptr_array_add(waiting, call);
	}
	return waiting;
}

/* It is allowed. With too many before it, it is passed on, and refused by what they wait for. */
static void call_allow(struct call *call)
{
	g_autoptr(GPtrArray) waiting = calls_waiting(call->gate);

	call->asking = FALSE;
	call->waiting = !call->need.beside && waiting->len < CALLER_WAITING_MAX &&
			call->gate->make_way(call->gate->way_data);
	if (!call->waiting)
		call_pass(call);
}

static void call_refuse(struct call *call, fault why, const char *words)
{
	quietlog_say(&call->gate->log, "refused: %s of %s: %s", method_of(call), sender_of(call),
		     words);
	g_dbus_method_invocation_return_error(call->invocation, FAILURE, (gint)why, "%s", words);
	call_end(call);
}

static void call_refuse_absent(struct call *call)
{
	g_autofree char *words = g_strdup_printf("only root may call %s", method_of(call));

	call_refuse(call, FAULT_NOT_ALLOWED, words);
}

static void polkit_answered(enum polkit_answer answer, const char *why, gpointer user_data)
{
	struct call *call = user_data;
	g_autofree char *words = NULL;

	if (g_cancellable_is_cancelled(call->cancellable)) {
		call_refuse(call, FAULT_NOT_ALLOWED, "the caller has left, or the daemon leaves");
		return;
	}
	switch (answer) {
	case POLKIT_YES:
		g_message("%s by user %u: polkit allows %s", method_of(call), call->uid,
			  call->need.id);
		call_allow(call);
		return;
	case POLKIT_ABSENT:
		call_refuse_absent(call);
		return;
	case POLKIT_AUTH:
		words = g_strdup_printf("%s needs an administrator's authentication (%s)",
					method_of(call), call->need.id);
		call_refuse(call, FAULT_AUTH_NEEDED, words);
		return;
	case POLKIT_NO:
		words = g_strdup_printf("polkit does not allow user %u %s%s%s", call->uid,
					call->need.id, why == NULL ? "" : ": ",
					why == NULL ? "" : why);
		call_refuse(call, FAULT_NOT_ALLOWED, words);
		return;
	}
	g_assert_not_reached();
}

/* A caller that leaves takes its wish along, also from polkit's dialog. */
static void owner_changed(GDBusConnection *bus, const char *sender, const char *path,
			  const char *interface, const char *signal, GVariant *parameters,
			  gpointer user_data)
{
	const struct call *call = user_data;

	g_cancellable_cancel(call->cancellable);
}

static unsigned questions_of(const struct caller_gate *gate, guint32 uid)
{
	unsigned count = 0;

	for (guint i = 0; i < gate->calls->len; i++) {
		const struct call *call = g_ptr_array_index(gate->calls, i);

		count += call->asking && call->uid == uid ? 1 : 0;
	}
	return count;
}

static gboolean is_interactive(const struct call *call)
{
	GDBusMessage *message = g_dbus_method_invocation_get_message(call->invocation);

	return (g_dbus_message_get_flags(message) &
		G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;
}

/* The watch is asked for before polkit is: a caller that has left before the bus knows of the watch
 * is also unknown to polkit. */
static void polkit_begin(struct call *call)
{
	struct caller_gate *gate = call->gate;
	GDBusMethodInvocation *invocation = call->invocation;
	g_autofree char *id = g_strdup_printf("azupdate-%u", ++gate->asked);
	const struct polkit_ask ask = {
		.bus = gate->bus,
		.caller = sender_of(call),
		.action = call->need.id,
		.details = actions_details(g_dbus_method_invocation_get_method_info(invocation),
					   g_dbus_method_invocation_get_parameters(invocation)),
		.interactive = is_interactive(call),
		.id = id,
		.cancellable = call->cancellable,
	};

	call->asking = TRUE;
	call->watch = g_dbus_connection_signal_subscribe(
		gate->bus, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
		"/org/freedesktop/DBus", ask.caller, G_DBUS_SIGNAL_FLAGS_NONE, owner_changed, call,
		NULL);
	polkit_check(&ask, polkit_answered, call);
}

static void uid_got(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct call *call = user_data;
	g_autoptr(GVariant)
		reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), outcome, NULL);

	if (reply == NULL) { /* a caller that is gone already is nobody, and not root */
		call_refuse(call, FAULT_NOT_ALLOWED, "the bus does not know who calls");
		return;
	}
	g_variant_get(reply, "(u)", &call->uid);
	if (call->uid == 0 || call->uid == geteuid())
		call_allow(call);
	else if (call->need.access != ACTIONS_POLKIT)
		call_refuse_absent(call);
	else if (questions_of(call->gate, call->uid) >= CALLER_QUESTIONS_MAX)
		call_refuse(call, FAULT_CALLS_MANY, "too many calls of this user wait for polkit");
	else
		polkit_begin(call);
}

static gboolean call_begin(gpointer user_data)
{
	struct call *call = user_data;

	g_ptr_array_add(call->gate->calls, call);
	if (call->gate->closing) {
		call_refuse(call, FAULT_NOT_ALLOWED, "the daemon leaves");
		return G_SOURCE_REMOVE;
	}
	g_dbus_connection_call(call->gate->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			       "org.freedesktop.DBus", "GetConnectionUnixUser",
			       g_variant_new("(s)", sender_of(call)), G_VARIANT_TYPE("(u)"),
			       G_DBUS_CALL_FLAGS_NONE, -1, call->cancellable, uid_got, call);
	return G_SOURCE_REMOVE;
}

/* GDBus calls this in a thread of its own: it only sorts. FALSE: the call is ours to answer, and
 * that happens in the main thread. A bus without a sender is none, it has no callers to tell. */
static gboolean call_authorize(GDBusInterfaceSkeleton *skeleton, GDBusMethodInvocation *invocation,
			       gpointer user_data)
{
	const char *method = g_dbus_method_invocation_get_method_name(invocation);
	const struct actions_need need = actions_need(
		method, g_dbus_method_invocation_get_parameters(invocation));
	struct call *call;

	if (need.access == ACTIONS_ANYONE)
		return TRUE;
	if (g_dbus_method_invocation_get_sender(invocation) == NULL) {
		g_dbus_method_invocation_return_error(invocation, FAILURE, FAULT_NOT_ALLOWED,
						      "it is not known who calls %s", method);
		return FALSE;
	}
	call = g_new0(struct call, 1);
	call->gate = user_data;
	call->skeleton = g_object_ref(skeleton);
	call->invocation = invocation;
	call->need = need;
	call->cancellable = g_cancellable_new();
	g_idle_add_full(G_PRIORITY_DEFAULT, call_begin, call, NULL);
	return FALSE;
}

void caller_guard(struct caller_gate *gate, GDBusInterfaceSkeleton *skeleton)
{
	g_signal_connect(skeleton, "g-authorize-method", G_CALLBACK(call_authorize), gate);
}

struct caller_gate *caller_gate_new(GDBusConnection *bus, caller_way make_way, gpointer way_data)
{
	struct caller_gate *gate = g_new0(struct caller_gate, 1);

	gate->bus = bus;
	gate->make_way = make_way;
	gate->way_data = way_data;
	gate->calls = g_ptr_array_new();
	return gate;
}

void caller_gate_go(struct caller_gate *gate)
{
	g_autoptr(GPtrArray) waiting = calls_waiting(gate);

	for (guint i = 0; i < waiting->len; i++)
		call_pass(waiting->pdata[i]);
}

gboolean caller_gate_is_busy(const struct caller_gate *gate)
{
	return gate->calls->len > 0;
}

void caller_gate_free(struct caller_gate *gate)
{
	g_autoptr(GPtrArray) waiting = NULL;

	if (gate == NULL)
		return;
	gate->closing = TRUE;
	waiting = calls_waiting(gate);
	for (guint i = 0; i < waiting->len; i++)
		call_refuse(waiting->pdata[i], FAULT_NOT_ALLOWED, "the daemon leaves");
	for (guint i = 0; i < gate->calls->len; i++) {
		const struct call *call = g_ptr_array_index(gate->calls, i);

		g_cancellable_cancel(call->cancellable);
	}
	while (gate->calls->len > 0) /* each is told that it was cancelled, and answers */
		g_main_context_iteration(NULL, TRUE);
	g_ptr_array_unref(gate->calls);
	g_free(gate);
}

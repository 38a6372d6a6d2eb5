/* SPDX-License-Identifier: MIT */
#include "inflow.h"

#include <gio/gunixfdlist.h>

#include "azupdate/azupdate.h"
#include "failure.h"
#include "faulttext.h"
#include "quietlog.h"

/* What the filter works on; it may outlive the face by a moment, until the bus lets go of it. */
struct inflow_state {
	GMutex lock;
	GHashTable *waiting; /* unique name -> calls that are not answered yet */
	struct quietlog log;
};

struct inflow {
	GDBusConnection *bus;
	guint filter;
};

static void state_clear(gpointer data)
{
	struct inflow_state *state = data;

	g_hash_table_unref(state->waiting);
	g_mutex_clear(&state->lock);
}

static void state_release(gpointer state)
{
	g_atomic_rc_box_release_full(state, state_clear);
}

static unsigned waiting_of(struct inflow_state *state, const char *name)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(state->waiting, name));
}

/* Returns how many wait now. */
static unsigned waiting_change(struct inflow_state *state, const char *name, int by)
{
	unsigned count;

	g_mutex_lock(&state->lock);
	count = waiting_of(state, name);
	if (by > 0)
		count++;
	else if (count > 0)
		count--;
	if (count == 0)
		g_hash_table_remove(state->waiting, name);
	else
		g_hash_table_insert(state->waiting, g_strdup(name), GUINT_TO_POINTER(count));
	g_mutex_unlock(&state->lock);
	return count;
}

static gboolean message_check(GDBusMessage *message, GError **error)
{
	GVariant *body = g_dbus_message_get_body(message);
	GUnixFDList *fds = g_dbus_message_get_unix_fd_list(message);

	if (body != NULL && g_variant_get_size(body) > INFLOW_BODY_BYTES_MAX)
		return failure_set(error, FAULT_CALL_LARGE,
				   "the call has %zu bytes of arguments, more than %d",
				   g_variant_get_size(body), INFLOW_BODY_BYTES_MAX);
	if (fds != NULL && g_unix_fd_list_get_length(fds) > INFLOW_DESCRIPTORS_MAX)
		return failure_set(error, FAULT_CALL_LARGE,
				   "the call has %d descriptors, more than %d",
				   g_unix_fd_list_get_length(fds), INFLOW_DESCRIPTORS_MAX);
	return TRUE;
}

/* A call that wants no answer gets none, also when it is refused. */
static void message_refuse(GDBusConnection *bus, GDBusMessage *call, const GError *error)
{
	g_autofree char *name = g_strconcat(AZUPDATE_BUS_ERROR_PREFIX,
					    faulttext_find(failure_code(error))->name, NULL);
	g_autoptr(GDBusMessage)
		reply = g_dbus_message_new_method_error_literal(call, name, error->message);

	/* A connection that is closed has nobody to be told. */
	(void)g_dbus_connection_send_message(bus, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
					     NULL);
}

struct departure {
	struct inflow_state *state;
	char *name;
};

static gboolean departure_run(gpointer user_data)
{
	struct departure *departure = user_data;

	waiting_change(departure->state, departure->name, -1);
	return G_SOURCE_REMOVE;
}

static void departure_free(gpointer user_data)
{
	struct departure *departure = user_data;

	state_release(departure->state);
	g_free(departure->name);
	g_free(departure);
}

/* A call that wants no answer leaves when the main thread has come so far. */
static void departure_plan(struct inflow_state *state, const char *name)
{
	struct departure *departure = g_new0(struct departure, 1);

	departure->state = g_atomic_rc_box_acquire(state);
	departure->name = g_strdup(name);
	g_idle_add_full(G_PRIORITY_DEFAULT, departure_run, departure, departure_free);
}

static gboolean call_check(GDBusMessage *message, unsigned waiting, GError **error)
{
	if (waiting > INFLOW_CALLS_MAX)
		return failure_set(error, FAULT_CALLS_MANY,
				   "%d calls of this caller wait for their answer already",
				   INFLOW_CALLS_MAX);
	return message_check(message, error);
}

/* The answer to what is refused is counted like every other when it goes out. */
static GDBusMessage *call_admit(struct inflow_state *state, GDBusConnection *bus,
				GDBusMessage *message)
{
	const char *sender = g_dbus_message_get_sender(message);
	const gboolean is_silent = (g_dbus_message_get_flags(message) &
				    G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) != 0;
	g_autoptr(GError) error = NULL;

	if (call_check(message, waiting_change(state, sender, 1), &error)) {
		if (is_silent)
			departure_plan(state, sender);
		return message;
	}
	g_mutex_lock(&state->lock);
	quietlog_say(&state->log, "refused: a call of %s: %s", sender, error->message);
	g_mutex_unlock(&state->lock);
	if (is_silent)
		waiting_change(state, sender, -1);
	else
		message_refuse(bus, message, error);
	g_object_unref(message);
	return NULL;
}

/* Called in the bus' own thread, for what comes and for what goes. */
static GDBusMessage *message_filter(GDBusConnection *bus, GDBusMessage *message, gboolean incoming,
				    gpointer user_data)
{
	struct inflow_state *state = user_data;
	const GDBusMessageType type = g_dbus_message_get_message_type(message);
	const char *destination = g_dbus_message_get_destination(message);

	if (incoming && type == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
	    g_dbus_message_get_sender(message) != NULL)
		return call_admit(state, bus, message);
	if (!incoming && destination != NULL &&
	    (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR))
		waiting_change(state, destination, -1);
	return message;
}

struct inflow *inflow_new(GDBusConnection *bus)
{
	struct inflow_state *state = g_atomic_rc_box_new0(struct inflow_state);
	struct inflow *inflow = g_new0(struct inflow, 1);

	g_mutex_init(&state->lock);
	state->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	inflow->bus = bus;
	inflow->filter = g_dbus_connection_add_filter(bus, message_filter, state, state_release);
	return inflow;
}

void inflow_free(struct inflow *inflow)
{
	if (inflow == NULL)
		return;
	g_dbus_connection_remove_filter(inflow->bus, inflow->filter);
	g_free(inflow);
}

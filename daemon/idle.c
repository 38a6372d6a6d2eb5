/* SPDX-License-Identifier: MIT */
#include "idle.h"

#include <stdatomic.h>

#include "failure.h"

enum { NAME_DO_NOT_QUEUE = 4, NAME_IS_OURS = 1, NAME_WAS_OURS = 4 };

struct idle {
	struct idle_options options;
	guint filter;
	guint timer;
	gboolean leaving;
	_Atomic guint calls; /* counted in the bus' own thread */
	guint calls_seen;
	gint64 quiet_since_us;
};

gboolean idle_name_take(GDBusConnection *bus, const char *name, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
		"RequestName", g_variant_new("(su)", name, NAME_DO_NOT_QUEUE),
		G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, &cause);
	guint32 outcome;

	if (reply == NULL) {
		g_dbus_error_strip_remote_error(cause);
		return failure_set(error, FAULT_BUS, "the bus does not give us %s: %s", name,
				   cause->message);
	}
	g_variant_get(reply, "(u)", &outcome);
	if (outcome != NAME_IS_OURS && outcome != NAME_WAS_OURS)
		return failure_set(error, FAULT_BUS, "another program has the name %s", name);
	return TRUE;
}

static GDBusMessage *message_count(GDBusConnection *bus, GDBusMessage *message, gboolean incoming,
				   gpointer user_data)
{
	struct idle *idle = user_data;

	if (incoming && g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
		atomic_fetch_add(&idle->calls, 1);
	return message;
}

static void name_released(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct idle *idle = user_data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant)
		reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), outcome, &error);

	if (reply != NULL && atomic_load(&idle->calls) != idle->calls_seen &&
	    idle_name_take(idle->options.bus, idle->options.name, NULL)) {
		idle->leaving = FALSE;
		return;
	}
	idle->options.leave(idle->options.user_data);
}

static gboolean idle_look(gpointer user_data)
{
	struct idle *idle = user_data;
	const guint calls = atomic_load(&idle->calls);
	const gint64 now_us = g_get_monotonic_time();

	if (idle->leaving)
		return G_SOURCE_CONTINUE;
	if (calls != idle->calls_seen || idle->options.is_busy(idle->options.user_data)) {
		idle->calls_seen = calls;
		idle->quiet_since_us = now_us;
		return G_SOURCE_CONTINUE;
	}
	if (now_us - idle->quiet_since_us < (gint64)idle->options.timeout_s * G_USEC_PER_SEC)
		return G_SOURCE_CONTINUE;
	idle->leaving = TRUE;
	g_dbus_connection_call(idle->options.bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			       "org.freedesktop.DBus", "ReleaseName",
			       g_variant_new("(s)", idle->options.name), G_VARIANT_TYPE("(u)"),
			       G_DBUS_CALL_FLAGS_NONE, -1, NULL, name_released, idle);
	return G_SOURCE_CONTINUE;
}

struct idle *idle_new(const struct idle_options *options)
{
	struct idle *idle = g_new0(struct idle, 1);

	idle->options = *options;
	idle->quiet_since_us = g_get_monotonic_time();
	idle->filter = g_dbus_connection_add_filter(options->bus, message_count, idle, NULL);
	idle->timer = g_timeout_add(MIN(options->timeout_s * 250, 5000), idle_look, idle);
	return idle;
}

void idle_free(struct idle *idle)
{
	if (idle == NULL)
		return;
	g_source_remove(idle->timer);
	g_dbus_connection_remove_filter(idle->options.bus, idle->filter);
	g_free(idle);
}

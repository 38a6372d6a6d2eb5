/* SPDX-License-Identifier: MIT */
/* https://www.freedesktop.org/software/systemd/man/org.freedesktop.login1.html */
#include "logind.h"

#include <string.h>

#include "failure.h"

enum { CALL_TIME_MS = 10000 };

static const char NAME[] = "org.freedesktop.login1";
static const char PATH[] = "/org/freedesktop/login1";
static const char MANAGER[] = "org.freedesktop.login1.Manager";
static const char PROPERTIES[] = "org.freedesktop.DBus.Properties";

struct bus_call {
	const char *path;
	const char *interface;
	const char *method;
	GVariant *arguments; /* floating; taken */
	const char *reply;   /* its type */
};

static GVariant *bus_ask(GDBusConnection *bus, const struct bus_call *call,
			 GCancellable *cancellable, GError **error)
{
	return g_dbus_connection_call_sync(bus, NAME, call->path, call->interface, call->method,
					   call->arguments, G_VARIANT_TYPE(call->reply),
					   G_DBUS_CALL_FLAGS_NONE, CALL_TIME_MS, cancellable,
					   error);
}

/* Whether it runs. One that does not has no inhibitors, no sessions and no plans, for whatever
 * reason it could not be started: it is not installed, masked, or its unit is broken. */
static gboolean is_running(GDBusConnection *bus)
{
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
		"NameHasOwner", g_variant_new("(s)", NAME), G_VARIANT_TYPE("(b)"),
		G_DBUS_CALL_FLAGS_NONE, CALL_TIME_MS, NULL, NULL);
	gboolean owned = TRUE; /* where even that cannot be known */

	if (reply != NULL)
		g_variant_get(reply, "(b)", &owned);
	return owned;
}

static gboolean cause_tell(GError *cause, const char *method, GError **error)
{
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return failure_set(error, FAULT_JOB_CANCELLED, "cancelled");
	g_dbus_error_strip_remote_error(cause);
	return failure_set(error, FAULT_LOGIND, "%s of logind: %s", method, cause->message);
}

/* TRUE with NULL: there is no logind. */
static gboolean logind_call(GDBusConnection *bus, const struct bus_call *call,
			    GCancellable *cancellable, GVariant **ret_reply, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GVariant *reply = bus_ask(bus, call, cancellable, &cause);

	if (reply == NULL && (g_cancellable_is_cancelled(cancellable) || is_running(bus)))
		return cause_tell(cause, call->method, error);
	*ret_reply = reply;
	return TRUE;
}

gboolean logind_inhibitors(GDBusConnection *bus, GCancellable *cancellable, GVariant **ret_list,
			   GError **error)
{
	const struct bus_call call = { PATH, MANAGER, "ListInhibitors", NULL, "(a(ssssuu))" };
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GVariant) list = NULL;

	if (!logind_call(bus, &call, cancellable, &reply, error))
		return FALSE;
	if (reply == NULL) {
		*ret_list = NULL;
		return TRUE;
	}
	list = g_variant_get_child_value(reply, 0);
	if (g_variant_n_children(list) > LOGIND_INHIBITORS_MAX)
		return failure_set(error, FAULT_LOGIND, "logind tells of more than %d inhibitors",
				   LOGIND_INHIBITORS_MAX);
	*ret_list = g_steal_pointer(&list);
	return TRUE;
}

/* --- sessions --- */

/* Classes of people are "user" and, since systemd 256, "user-early", "user-light" and the like. */
static gboolean session_is_user(GVariant *properties)
{
	const char *class = "";
	const char *state = "";

	g_variant_lookup(properties, "Class", "&s", &class);
	g_variant_lookup(properties, "State", "&s", &state);
	return (strcmp(class, "user") == 0 || g_str_has_prefix(class, "user-")) &&
	       strcmp(state, "closing") != 0;
}

/* One that has ended since it was listed is nobody's. */
static gboolean session_look(GDBusConnection *bus, const char *path, GCancellable *cancellable,
			     gboolean *ret_user, GError **error)
{
	const struct bus_call call = { path, PROPERTIES, "GetAll",
				       g_variant_new("(s)", "org.freedesktop.login1.Session"),
				       "(a{sv})" };
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = bus_ask(bus, &call, cancellable, &cause);
	g_autoptr(GVariant) properties = NULL;

	*ret_user = FALSE;
	if (reply == NULL)
		return g_error_matches(cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT) ||
		       cause_tell(cause, "a session", error);
	properties = g_variant_get_child_value(reply, 0);
	*ret_user = session_is_user(properties);
	return TRUE;
}

static gboolean sessions_count(GDBusConnection *bus, GVariant *list, GCancellable *cancellable,
			       unsigned *ret_count, GError **error)
{
	const gsize count = g_variant_n_children(list);

	if (count > LOGIND_SESSIONS_MAX)
		return failure_set(error, FAULT_LOGIND, "logind tells of more than %d sessions",
				   LOGIND_SESSIONS_MAX);
	for (gsize i = 0; i < count; i++) {
		g_autoptr(GVariant) session = g_variant_get_child_value(list, i);
		const char *path;
		gboolean user;

		g_variant_get_child(session, 4, "&o", &path);
		if (!session_look(bus, path, cancellable, &user, error))
			return FALSE;
		*ret_count += user ? 1 : 0;
	}
	return TRUE;
}

gboolean logind_users(GDBusConnection *bus, GCancellable *cancellable, unsigned *ret_count,
		      GError **error)
{
	const struct bus_call call = { PATH, MANAGER, "ListSessions", NULL, "(a(susso))" };
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GVariant) list = NULL;

	*ret_count = 0;
	if (!logind_call(bus, &call, cancellable, &reply, error))
		return FALSE;
	if (reply == NULL)
		return TRUE;
	list = g_variant_get_child_value(reply, 0);
	return sessions_count(bus, list, cancellable, ret_count, error);
}

/* --- plans --- */

static void plan_take(GVariant *reply, struct logind_plan *ret_plan)
{
	g_autoptr(GVariant) value = NULL;
	const char *type;
	uint64_t time_us;

	g_variant_get(reply, "(v)", &value);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE("(st)")))
		return;
	g_variant_get(value, "(&st)", &type, &time_us);
	if (type[0] == '\0' || time_us == 0 || time_us == UINT64_MAX)
		return;
	g_strlcpy(ret_plan->type, type, sizeof ret_plan->type);
	ret_plan->time_us = time_us;
}

gboolean logind_plan_get(GDBusConnection *bus, GCancellable *cancellable,
			 struct logind_plan *ret_plan, GError **error)
{
	const struct bus_call call = { PATH, PROPERTIES, "Get",
				       g_variant_new("(ss)", MANAGER, "ScheduledShutdown"), "(v)" };
	g_autoptr(GVariant) reply = NULL;

	*ret_plan = (struct logind_plan){ .type = "" };
	if (!logind_call(bus, &call, cancellable, &reply, error))
		return FALSE;
	if (reply != NULL)
		plan_take(reply, ret_plan);
	return TRUE;
}

/* Of a logind that was there a moment ago. */
static gboolean plan_call(GDBusConnection *bus, const struct bus_call *call, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = bus_ask(bus, call, NULL, &cause);

	return reply != NULL || cause_tell(cause, call->method, error);
}

gboolean logind_reboot_plan(GDBusConnection *bus, const char *message, uint64_t time_us,
			    GError **error)
{
	const struct bus_call wall = { PATH, MANAGER, "SetWallMessage",
				       g_variant_new("(sb)", message, TRUE), "()" };
	struct bus_call plan = { PATH, MANAGER, "ScheduleShutdown", NULL, "()" };

	if (!plan_call(bus, &wall, error))
		return FALSE;
	plan.arguments = g_variant_new("(st)", "reboot", time_us);
	return plan_call(bus, &plan, error);
}

gboolean logind_plan_cancel(GDBusConnection *bus, GError **error)
{
	const struct bus_call call = { PATH, MANAGER, "CancelScheduledShutdown", NULL, "(b)" };

	return plan_call(bus, &call, error);
}

gboolean logind_reboot(GDBusConnection *bus, gboolean *ret_told, GError **error)
{
	const struct bus_call call = { PATH, MANAGER, "Reboot", g_variant_new("(b)", FALSE), "()" };
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = bus_ask(bus, &call, NULL, &cause);

	*ret_told = reply != NULL;
	if (reply != NULL || !is_running(bus))
		return TRUE;
	g_dbus_error_strip_remote_error(cause);
	return failure_set(error, FAULT_REBOOT, "logind does not reboot: %s", cause->message);
}

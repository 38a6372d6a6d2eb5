/* SPDX-License-Identifier: MIT */
#include "caller.h"

#include <unistd.h>

#include "failure.h"

/* Everything that is not listed here changes the machine and needs root. */
static const char *const READING[] = { "Refresh", "HealthLast", "HealthList", "HealthShow",
				       "Why",     "History",    NULL };

static gboolean user_find(GDBusMethodInvocation *invocation, guint32 *ret_uid)
{
	const char *sender = g_dbus_method_invocation_get_sender(invocation);
	g_autoptr(GVariant) reply = NULL;

	if (sender == NULL)
		return FALSE;
	reply = g_dbus_connection_call_sync(g_dbus_method_invocation_get_connection(invocation),
					    "org.freedesktop.DBus", "/org/freedesktop/DBus",
					    "org.freedesktop.DBus", "GetConnectionUnixUser",
					    g_variant_new("(s)", sender), G_VARIANT_TYPE("(u)"),
					    G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
	if (reply == NULL)
		return FALSE; /* a caller that is gone already is nobody, and not root */
	g_variant_get(reply, "(u)", ret_uid);
	return TRUE;
}

/* Runs in a thread of its own, so that asking the bus does not hold up the others. A daemon that
 * does not run as root (in a test) also obeys its own user, who could do all of it anyway. */
static gboolean call_authorize(GDBusInterfaceSkeleton *skeleton, GDBusMethodInvocation *invocation,
			       gpointer user_data)
{
	const char *method = g_dbus_method_invocation_get_method_name(invocation);
	guint32 uid;

	if (g_strv_contains(READING, method))
		return TRUE;
	if (user_find(invocation, &uid) && (uid == 0 || uid == geteuid()))
		return TRUE;
	g_dbus_method_invocation_return_error(invocation, FAILURE, FAULT_NOT_ALLOWED,
					      "only root may call %s", method);
	return FALSE;
}

void caller_guard(GDBusInterfaceSkeleton *skeleton)
{
	g_signal_connect(skeleton, "g-authorize-method", G_CALLBACK(call_authorize), NULL);
}

/* SPDX-License-Identifier: MIT */
#include "call.h"

gboolean call_fail(GDBusMethodInvocation *invocation, GError *error)
{
	g_dbus_method_invocation_take_error(invocation, error);
	return TRUE;
}

void call_log(GDBusMethodInvocation *invocation, const char *about)
{
	g_message("%s %s, asked by %s", g_dbus_method_invocation_get_method_name(invocation), about,
		  g_dbus_method_invocation_get_sender(invocation));
}

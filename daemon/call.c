/* SPDX-License-Identifier: MIT */
#include "call.h"

#include <string.h>

#include "failure.h"
#include "publish.h"

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

gboolean call_slot_parse(const char *name, unsigned *ret_slot, GError **error)
{
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		if (strcmp(name, publish_slot_name(slot)) == 0) {
			*ret_slot = slot;
			return TRUE;
		}
	return failure_set(error, FAULT_SLOT_UNKNOWN, "there is no slot \"%.32s\"", name);
}

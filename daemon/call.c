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

void call_return(GTask *task, GVariant *reply, GError *error)
{
	if (reply != NULL)
		g_task_return_pointer(task, g_variant_ref_sink(reply),
				      (GDestroyNotify)g_variant_unref);
	else
		g_task_return_error(task, error);
}

void call_finish(GDBusMethodInvocation *invocation, GAsyncResult *outcome)
{
	GError *error = NULL;
	g_autoptr(GVariant) reply = g_task_propagate_pointer(G_TASK(outcome), &error);

	if (reply == NULL)
		g_dbus_method_invocation_take_error(invocation, error);
	else
		g_dbus_method_invocation_return_value(invocation, reply);
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

/* SPDX-License-Identifier: MIT */
#pragma once
/* Calls: what the handlers of all interfaces share. */

#include <gio/gio.h>

/* Answers with the failure, which it takes over. Always TRUE: the call was answered. */
gboolean call_fail(GDBusMethodInvocation *invocation, GError *error);
/* For a thread: its result, a tuple, which may be floating, or NULL and the failure, for
 * call_finish(). Takes over both. */
void call_return(GTask *task, GVariant *reply, GError *error);
/* Answers with what call_return() was given. */
void call_finish(GDBusMethodInvocation *invocation, GAsyncResult *outcome);
/* Notes in the log what was asked for, about what, and by whom. */
void call_log(GDBusMethodInvocation *invocation, const char *about);
/* FAULT_SLOT_UNKNOWN. */
gboolean call_slot_parse(const char *name, unsigned *ret_slot, GError **error);

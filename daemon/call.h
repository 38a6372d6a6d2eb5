/* SPDX-License-Identifier: MIT */
#pragma once
/* Calls: what the handlers of all interfaces share. */

#include <gio/gio.h>

/* Answers with the failure, which it takes over. Always TRUE: the call was answered. */
gboolean call_fail(GDBusMethodInvocation *invocation, GError *error);
/* Notes in the log what was asked for, about what, and by whom. */
void call_log(GDBusMethodInvocation *invocation, const char *about);
/* FAULT_SLOT_UNKNOWN. */
gboolean call_slot_parse(const char *name, unsigned *ret_slot, GError **error);

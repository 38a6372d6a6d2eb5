/* SPDX-License-Identifier: MIT */
#pragma once
/* logind: the calls to org.freedesktop.login1 that a reboot needs, and nothing decided. Each of
 * them gives FAULT_LOGIND if the answer does not come or is not what it must be; that there is no
 * logind is no failure. All block, for 10 s at most, and are thread-safe. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

enum {
	LOGIND_INHIBITORS_MAX = 1024,
	LOGIND_SESSIONS_MAX = 4096,
};

/* Of type a(ssssuu): what, who, why, mode, user, process; at most LOGIND_INHIBITORS_MAX. TRUE with
 * NULL: there is no logind. */
gboolean logind_inhibitors(GDBusConnection *bus, GCancellable *cancellable, GVariant **ret_list,
			   GError **error);
/* People, on a screen or from afar; no greeters, no services, nobody who is about to leave. */
gboolean logind_users(GDBusConnection *bus, GCancellable *cancellable, unsigned *ret_count,
		      GError **error);

/* What is planned, by anybody. */
struct logind_plan {
	char type[32];    /* "reboot", "poweroff"; "": nothing */
	uint64_t time_us; /* since 1970 */
};
gboolean logind_plan_get(GDBusConnection *bus, GCancellable *cancellable,
			 struct logind_plan *ret_plan, GError **error);
/* A reboot at this time since 1970. logind shows `message` to who is logged in, now and then
 * again. */
gboolean logind_reboot_plan(GDBusConnection *bus, const char *message, uint64_t time_us,
			    GError **error);
/* Tells who was warned, too. */
gboolean logind_plan_cancel(GDBusConnection *bus, GError **error);

/* Now; logind waits for delaying inhibitors. *ret_told FALSE: there is no logind. FAULT_REBOOT. */
gboolean logind_reboot(GDBusConnection *bus, gboolean *ret_told, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Reboots: asks the init system for an orderly one. */

#include <gio/gio.h>

/* Returns when the reboot is on its way. FAULT_REBOOT otherwise. Thread-safe. */
gboolean reboot_request(GDBusConnection *bus, GError **error);

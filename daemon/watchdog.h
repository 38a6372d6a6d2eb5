/* SPDX-License-Identifier: MIT */
#pragma once
/* The hardware's watchdog, through systemd: armed while a boot is not committed, and set back
 * after it. What was set before is kept in RUN/watchdog, which a boot empties. */

#include <gio/gio.h>

#include "config.h"

/* As watchdogplan.h decides. Blocks for two calls of systemd. FAULT_WATCHDOG_SET,
 * FAULT_STATE_FILE. Where there is no systemd there is nothing to do. */
gboolean watchdog_follow(const struct config *config, GDBusConnection *bus, gboolean on_trial,
			 GError **error);
/* "armed" by us, "missing": there is none to be armed, or "". Static. */
const char *watchdog_state(const struct config *config);

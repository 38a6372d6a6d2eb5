/* SPDX-License-Identifier: MIT */
#pragma once
/* systemd's units, asked over the bus; org.freedesktop.systemd1(5). Nothing is decided here. */

#include <gio/gio.h>

#include "unitjudge.h"

/* FALSE with what systemd or the bus has said. A NULL bus: there is no systemd. */
gboolean systemdunits_sample(GDBusConnection *bus, const char *name, GCancellable *cancellable,
			     struct unitjudge_sample *ret_sample, GError **error);
/* The names of all units that have failed; NULL-terminated. NULL: as above. */
char **systemdunits_failed(GDBusConnection *bus, GCancellable *cancellable, GError **error);

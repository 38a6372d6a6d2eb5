/* SPDX-License-Identifier: MIT */
#pragma once
/* Bus addresses: one word for the bus, the same in the daemon and its clients. */

#include <gio/gio.h>

/* `bus` is "system" (also if it is NULL), "session", or a D-Bus address. FAULT_BUS. */
GDBusConnection *busaddress_connect(const char *bus, GError **error);

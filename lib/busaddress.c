/* SPDX-License-Identifier: MIT */
#include "busaddress.h"

#include "failure.h"

static GDBusConnection *address_connect(const char *bus, GError **error)
{
	if (bus == NULL || g_str_equal(bus, "system"))
		return g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, error);
	if (g_str_equal(bus, "session"))
		return g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, error);
	return g_dbus_connection_new_for_address_sync(
		bus,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, error);
}

GDBusConnection *busaddress_connect(const char *bus, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GDBusConnection *connection = address_connect(bus, &cause);

	if (connection != NULL) {
		g_dbus_connection_set_exit_on_close(connection, TRUE);
		return connection;
	}
	failure_set(error, FAULT_BUS, "the %s bus cannot be reached: %s",
		    bus == NULL ? "system" : bus, cause->message);
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/* A stand-in of systemd on a private bus, as far as the hardware's watchdog needs it: fake_watchdog
 * ADDRESS TIME_US [refuse]. Its property RuntimeWatchdogUSec begins with TIME_US; each change is
 * printed, and refused with the third word. */
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

static const char INTROSPECTION[] =
	"<node><interface name='org.freedesktop.systemd1.Manager'>"
	"<property name='RuntimeWatchdogUSec' type='t' access='readwrite'/>"
	"</interface></node>";

struct systemd {
	guint64 time_us;
	gboolean refuses;
};

static GVariant *property_get(GDBusConnection *bus, const char *sender, const char *path,
			      const char *interface, const char *property, GError **error,
			      gpointer user_data)
{
	const struct systemd *systemd = user_data;

	return g_variant_new_uint64(systemd->time_us);
}

static gboolean property_set(GDBusConnection *bus, const char *sender, const char *path,
			     const char *interface, const char *property, GVariant *value,
			     GError **error, gpointer user_data)
{
	struct systemd *systemd = user_data;

	if (systemd->refuses) {
		g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "as the test wants");
		return FALSE;
	}
	systemd->time_us = g_variant_get_uint64(value);
	printf("%" G_GUINT64_FORMAT "\n", systemd->time_us);
	fflush(stdout);
	return TRUE;
}

static const GDBusInterfaceVTable VTABLE = { .get_property = property_get,
					     .set_property = property_set };

static void name_acquired(GDBusConnection *bus, const char *name, gpointer user_data)
{
	puts("ready");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct systemd systemd = { .time_us = g_ascii_strtoull(argv[2], NULL, 10),
				   .refuses = argc > 3 };
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(INTROSPECTION, NULL);
	g_autoptr(GError) error = NULL;
	GDBusConnection *bus = g_dbus_connection_new_for_address_sync(
		argv[1],
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);

	if (bus == NULL)
		g_error("%s", error->message);
	g_dbus_connection_register_object(bus, "/org/freedesktop/systemd1", node->interfaces[0],
					  &VTABLE, &systemd, NULL, NULL);
	g_bus_own_name_on_connection(bus, "org.freedesktop.systemd1", G_BUS_NAME_OWNER_FLAGS_NONE,
				     name_acquired, NULL, NULL, NULL);
	g_main_loop_run(loop);
	return 0;
}

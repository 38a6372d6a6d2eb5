/* SPDX-License-Identifier: MIT */
/* systemd's own Reboot() method does not stop services first, and logind's waits for inhibitors
 * and may not be installed. Starting the target is what systemctl reboot does without logind. */
#include "reboot.h"

#include "failure.h"

gboolean reboot_request(GDBusConnection *bus, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", "StartUnit",
		g_variant_new("(ss)", "reboot.target", "replace-irreversibly"),
		G_VARIANT_TYPE("(o)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, &cause);

	if (reply != NULL)
		return TRUE;
	g_dbus_error_strip_remote_error(cause);
	return failure_set(error, FAULT_REBOOT, "systemd does not start reboot.target: %s",
			   cause->message);
}

/* SPDX-License-Identifier: MIT */
/* A stand-in of systemd-logind on a private bus, as far as a reboot needs it: fake_logind ADDRESS
 * FILE. The key file is read anew for each call, so that a test can change it meanwhile:
 *
 *   [inhibitors]  N=what|who|why|mode
 *   [sessions]    ID=class|state; of state "gone" it is listed and has no object
 *   [plan]        type=, time=
 *   [faults]      METHOD=the name of an error, "hang" or "wrong"
 *
 * Prints a line for each call, and "rebooting" when a planned reboot is due. */
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

static const char INTROSPECTION[] =
	"<node><interface name='org.freedesktop.login1.Manager'>"
	"<method name='ListInhibitors'><arg type='a(ssssuu)' direction='out'/></method>"
	"<method name='ListSessions'><arg type='a(susso)' direction='out'/></method>"
	"<method name='SetWallMessage'><arg type='s' direction='in'/><arg type='b' "
	"direction='in'/></method>"
	"<method name='ScheduleShutdown'><arg type='s' direction='in'/><arg type='t' "
	"direction='in'/></method>"
	"<method name='CancelScheduledShutdown'><arg type='b' direction='out'/></method>"
	"<method name='Reboot'><arg type='b' direction='in'/></method>"
	"<property name='ScheduledShutdown' type='(st)' access='read'/></interface>"
	"<interface name='org.freedesktop.login1.Session'>"
	"<property name='Class' type='s' access='read'/>"
	"<property name='State' type='s' access='read'/></interface></node>";

struct logind {
	const char *file;
	GMainLoop *loop;
	char *type; /* of the plan that was made by a call; NULL: none */
	guint64 time_us;
	guint timer;
};

static GKeyFile *settings(const struct logind *logind)
{
	GKeyFile *keys = g_key_file_new();

	g_key_file_load_from_file(keys, logind->file, G_KEY_FILE_NONE, NULL);
	return keys;
}

static char **group_keys(GKeyFile *keys, const char *group)
{
	char **names = g_key_file_get_keys(keys, group, NULL, NULL);

	return names != NULL ? names : g_new0(char *, 1);
}

static char **parts_of(GKeyFile *keys, const char *group, const char *name)
{
	g_autofree char *text = g_key_file_get_string(keys, group, name, NULL);

	return g_strsplit(text, "|", 0);
}

static GVariant *inhibitors_list(GKeyFile *keys)
{
	g_auto(GStrv) names = group_keys(keys, "inhibitors");
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssssuu)"));
	for (char **name = names; *name != NULL; name++) {
		g_auto(GStrv) parts = parts_of(keys, "inhibitors", *name);

		g_variant_builder_add(&builder, "(ssssuu)", parts[0], parts[1], parts[2], parts[3],
				      1000, 1);
	}
	return g_variant_new("(a(ssssuu))", &builder);
}

static GVariant *sessions_list(GKeyFile *keys)
{
	g_auto(GStrv) names = group_keys(keys, "sessions");
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(susso)"));
	for (char **name = names; *name != NULL; name++) {
		g_autofree char *path = g_strdup_printf("/org/freedesktop/login1/session/%s",
							*name);

		g_variant_builder_add(&builder, "(susso)", *name, 1000, "user", "", path);
	}
	return g_variant_new("(a(susso))", &builder);
}

static gboolean reboot_due(gpointer user_data)
{
	struct logind *logind = user_data;

	logind->timer = 0;
	g_clear_pointer(&logind->type, g_free);
	puts("rebooting");
	fflush(stdout);
	return G_SOURCE_REMOVE;
}

static void plan_clear(struct logind *logind)
{
	if (logind->timer != 0)
		g_source_remove(logind->timer);
	logind->timer = 0;
	g_clear_pointer(&logind->type, g_free);
}

static void plan_make(struct logind *logind, GVariant *parameters)
{
	gint64 left_us;

	plan_clear(logind);
	g_variant_get(parameters, "(st)", &logind->type, &logind->time_us);
	left_us = (gint64)logind->time_us - g_get_real_time();
	logind->timer = g_timeout_add((guint)(MAX(left_us, 0) / 1000), reboot_due, logind);
}

/* TRUE: there is another answer than the right one. */
static gboolean fault_answer(GKeyFile *keys, const char *method, GDBusMethodInvocation *invocation)
{
	g_autofree char *what = g_key_file_get_string(keys, "faults", method, NULL);
	g_autoptr(GDBusMessage) reply = NULL;

	if (what == NULL)
		return FALSE;
	if (strcmp(what, "hang") == 0)
		return TRUE;
	if (strcmp(what, "wrong") != 0) {
		g_dbus_method_invocation_return_dbus_error(invocation, what, "as the test wants");
		return TRUE;
	}
	reply = g_dbus_message_new_method_reply(g_dbus_method_invocation_get_message(invocation));
	g_dbus_message_set_body(reply, g_variant_new("(as)", NULL));
	g_dbus_connection_send_message(g_dbus_method_invocation_get_connection(invocation), reply,
				       G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
	g_object_unref(invocation);
	return TRUE;
}

static void method_call(GDBusConnection *bus, const char *sender, const char *path,
			const char *interface, const char *method, GVariant *parameters,
			GDBusMethodInvocation *invocation, gpointer user_data)
{
	struct logind *logind = user_data;
	g_autoptr(GKeyFile) keys = settings(logind);
	g_autofree char *shown = g_variant_print(parameters, FALSE);
	GVariant *answer = NULL;

	printf("%s%s\n", method, shown);
	fflush(stdout);
	if (fault_answer(keys, method, invocation))
		return;
	if (strcmp(method, "ListInhibitors") == 0)
		answer = inhibitors_list(keys);
	else if (strcmp(method, "ListSessions") == 0)
		answer = sessions_list(keys);
	else if (strcmp(method, "CancelScheduledShutdown") == 0)
		answer = g_variant_new("(b)", logind->type != NULL);
	if (strcmp(method, "ScheduleShutdown") == 0)
		plan_make(logind, parameters);
	if (strcmp(method, "CancelScheduledShutdown") == 0)
		plan_clear(logind);
	g_dbus_method_invocation_return_value(invocation, answer);
}

/* A plan of the file's is somebody else's. */
static GVariant *property_get(GDBusConnection *bus, const char *sender, const char *path,
			      const char *interface, const char *property, GError **error,
			      gpointer user_data)
{
	const struct logind *logind = user_data;
	g_autoptr(GKeyFile) keys = settings(logind);
	g_autofree char *type = g_key_file_get_string(keys, "plan", "type", NULL);

	if (g_str_has_prefix(path, "/org/freedesktop/login1/session/")) {
		g_auto(GStrv) parts = parts_of(keys, "sessions", strrchr(path, '/') + 1);

		return g_variant_new_string(parts[strcmp(property, "State") == 0]);
	}
	if (type != NULL)
		return g_variant_new("(st)", type,
				     g_key_file_get_uint64(keys, "plan", "time", NULL));
	return g_variant_new("(st)", logind->type != NULL ? logind->type : "",
			     logind->type != NULL ? logind->time_us : G_MAXUINT64);
}

static const GDBusInterfaceVTable VTABLE = { .method_call = method_call,
					     .get_property = property_get };

static void objects_register(GDBusConnection *bus, struct logind *logind)
{
	GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(INTROSPECTION, NULL);
	g_autoptr(GKeyFile) keys = settings(logind);
	g_auto(GStrv) names = group_keys(keys, "sessions");

	g_dbus_connection_register_object(bus, "/org/freedesktop/login1", node->interfaces[0],
					  &VTABLE, logind, NULL, NULL);
	for (char **name = names; *name != NULL; name++) {
		g_auto(GStrv) parts = parts_of(keys, "sessions", *name);
		g_autofree char *path = g_strdup_printf("/org/freedesktop/login1/session/%s",
							*name);

		if (strcmp(parts[1], "gone") != 0)
			g_dbus_connection_register_object(bus, path, node->interfaces[1], &VTABLE,
							  logind, NULL, NULL);
	}
	g_dbus_node_info_unref(node);
}

/* As sd-bus answers for an object that is gone; GDBus would say that there is no such method. */
static GDBusMessage *message_filter(GDBusConnection *bus, GDBusMessage *message, gboolean incoming,
				    gpointer user_data)
{
	static const char PREFIX[] = "/org/freedesktop/login1/session/";
	const struct logind *logind = user_data;
	const char *path = g_dbus_message_get_path(message);
	g_autoptr(GKeyFile) keys = settings(logind);
	g_autoptr(GDBusMessage) reply = NULL;
	g_auto(GStrv) parts = NULL;

	if (!incoming || path == NULL || !g_str_has_prefix(path, PREFIX))
		return message;
	parts = parts_of(keys, "sessions", path + strlen(PREFIX));
	if (strcmp(parts[1], "gone") != 0)
		return message;
	reply = g_dbus_message_new_method_error(message, "org.freedesktop.DBus.Error.UnknownObject",
						"Unknown object '%s'.", path);
	g_dbus_connection_send_message(bus, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
	g_object_unref(message);
	return NULL;
}

static void name_acquired(GDBusConnection *bus, const char *name, gpointer user_data)
{
	puts("ready");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct logind logind = { .file = argv[2], .loop = g_main_loop_new(NULL, FALSE) };
	g_autoptr(GError) error = NULL;
	GDBusConnection *bus = g_dbus_connection_new_for_address_sync(
		argv[1],
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);

	if (bus == NULL)
		g_error("%s", error->message);
	objects_register(bus, &logind);
	g_dbus_connection_add_filter(bus, message_filter, &logind, NULL);
	g_bus_own_name_on_connection(bus, "org.freedesktop.login1", G_BUS_NAME_OWNER_FLAGS_NONE,
				     name_acquired, NULL, NULL, NULL);
	g_main_loop_run(logind.loop);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* A stand-in of systemd on a private bus, as far as health checks need it: fake_systemd ADDRESS
 * FILE. It runs transient units, each in a process group, and is as strict as systemd about their
 * properties: an unknown name or another type is refused. Other units are what the key file says,
 * which is read anew for each look:
 *
 *   [NAME.service]  ActiveState=, LoadState=, NRestarts=, ActiveEnter=, Invocation=
 *   [systemd]       failed=a.service;b.mount   refuse=METHOD
 *
 * Prints a line for each call, and for each property of a transient unit. */
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char INTROSPECTION[] =
	"<node><interface name='org.freedesktop.systemd1.Manager'>"
	"<method name='StartTransientUnit'><arg type='s' direction='in'/><arg type='s' "
	"direction='in'/><arg type='a(sv)' direction='in'/><arg type='a(sa(sv))' direction='in'/>"
	"<arg type='o' direction='out'/></method>"
	"<method name='StartUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
	"<arg type='o' direction='out'/></method>"
	"<method name='StopUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
	"<arg type='o' direction='out'/></method>"
	"<method name='KillUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
	"<arg type='i' direction='in'/></method>"
	"<method name='UnrefUnit'><arg type='s' direction='in'/></method>"
	"<method name='LoadUnit'><arg type='s' direction='in'/><arg type='o' "
	"direction='out'/></method>"
	"<method name='ListUnitsFiltered'><arg type='as' direction='in'/>"
	"<arg type='a(ssssssouso)' direction='out'/></method></interface>"
	"<interface name='org.freedesktop.systemd1.Unit'>"
	"<property name='Job' type='(uo)' access='read'/>"
	"<property name='ActiveState' type='s' access='read'/>"
	"<property name='LoadState' type='s' access='read'/>"
	"<property name='InvocationID' type='ay' access='read'/>"
	"<property name='ActiveEnterTimestampMonotonic' type='t' access='read'/></interface>"
	"<interface name='org.freedesktop.systemd1.Service'>"
	"<property name='ExecMainCode' type='i' access='read'/>"
	"<property name='ExecMainStatus' type='i' access='read'/>"
	"<property name='NRestarts' type='u' access='read'/>"
	"<property name='Result' type='s' access='read'/></interface></node>";

struct rule {
	const char *name;
	const char *type;
};

/* Of systemd 252's transient properties, those that a program of ours may have. */
static const struct rule RULES[] = {
	{ "Description", "s" },    { "Slice", "s" },
	{ "Type", "s" },           { "CollectMode", "s" },
	{ "KillMode", "s" },       { "AddRef", "b" },
	{ "SendSIGKILL", "b" },    { "KillSignal", "i" },
	{ "IgnoreSIGPIPE", "b" },  { "Environment", "as" },
	{ "LimitCORE", "t" },      { "StandardOutputFileDescriptor", "h" },
	{ "MemoryMax", "t" },      { "StandardErrorFileDescriptor", "h" },
	{ "TasksMax", "t" },       { "ExecStart", "a(sasb)" },
	{ "RuntimeMaxUSec", "t" }, { "TimeoutStopUSec", "t" },
};

struct systemd {
	GDBusConnection *bus;
	GDBusNodeInfo *node;
	const char *file;
	GHashTable *units; /* name -> struct unit */
};

struct unit {
	struct systemd *systemd;
	char *name;
	char *path;
	gboolean is_transient;
	gboolean has_job; /* as of a unit whose start was not dispatched yet */
	guint faces[2];
	GPid pid; /* 0: it has ended */
	gint32 code;
	gint32 status;
};

static GKeyFile *settings(const struct systemd *systemd)
{
	GKeyFile *keys = g_key_file_new();

	g_key_file_load_from_file(keys, systemd->file, G_KEY_FILE_NONE, NULL);
	return keys;
}

/* --- the objects of units --- */

static GVariant *transient_get(struct unit *unit, const char *property)
{
	if (strcmp(property, "Job") == 0) {
		const guint32 job = unit->has_job ? 1 : 0;

		unit->has_job = FALSE;
		return g_variant_new("(uo)", job, "/");
	}
	if (strcmp(property, "ActiveState") == 0)
		return g_variant_new_string(unit->pid != 0 && !unit->has_job ? "active"
					    : unit->status != 0              ? "failed"
									     : "inactive");
	if (strcmp(property, "ExecMainCode") == 0)
		return g_variant_new_int32(unit->code);
	if (strcmp(property, "ExecMainStatus") == 0)
		return g_variant_new_int32(unit->status);
	if (strcmp(property, "Result") == 0)
		return g_variant_new_string(unit->code == CLD_KILLED ? "signal"
					    : unit->status != 0      ? "exit-code"
								     : "success");
	return NULL;
}

static GVariant *scripted_get(struct unit *unit, const char *property)
{
	g_autoptr(GKeyFile) keys = settings(unit->systemd);
	const gboolean exists = g_key_file_has_group(keys, unit->name);
	g_autofree char *text = g_key_file_get_string(keys, unit->name, property, NULL);
	guint8 invocation[16] = { 0 };

	if (strcmp(property, "Job") == 0)
		return g_variant_new("(uo)", 0, "/");
	if (strcmp(property, "ActiveState") == 0)
		return g_variant_new_string(text != NULL ? text : "inactive");
	if (strcmp(property, "LoadState") == 0)
		return g_variant_new_string(text != NULL ? text : exists ? "loaded" : "not-found");
	if (strcmp(property, "NRestarts") == 0)
		return g_variant_new_uint32(
			(guint32)g_key_file_get_uint64(keys, unit->name, property, NULL));
	if (strcmp(property, "ActiveEnterTimestampMonotonic") == 0)
		return g_variant_new_uint64(
			g_key_file_get_uint64(keys, unit->name, "ActiveEnter", NULL));
	if (strcmp(property, "InvocationID") != 0)
		return g_variant_new_int32(0);
	invocation[0] = (guint8)g_key_file_get_uint64(keys, unit->name, "Invocation", NULL);
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, invocation, sizeof invocation, 1);
}

static GVariant *property_get(GDBusConnection *bus, const char *sender, const char *path,
			      const char *interface, const char *property, GError **error,
			      gpointer user_data)
{
	struct unit *unit = user_data;
	GVariant *value = unit->is_transient ? transient_get(unit, property) : NULL;

	return value != NULL ? value : scripted_get(unit, property);
}

static const GDBusInterfaceVTable UNIT_VTABLE = { .get_property = property_get };

static char *path_of(const char *name)
{
	GString *path = g_string_new("/org/freedesktop/systemd1/unit/");

	for (const char *c = name; *c != '\0'; c++) {
		if (g_ascii_isalnum(*c))
			g_string_append_c(path, *c);
		else
			g_string_append_printf(path, "_%02x", (unsigned char)*c);
	}
	return g_string_free(path, FALSE);
}

static struct unit *unit_make(struct systemd *systemd, const char *name, gboolean is_transient)
{
	struct unit *unit = g_new0(struct unit, 1);

	unit->systemd = systemd;
	unit->name = g_strdup(name);
	unit->path = path_of(name);
	unit->is_transient = is_transient;
	for (unsigned i = 0; i < 2; i++)
		unit->faces[i] = g_dbus_connection_register_object(systemd->bus, unit->path,
								   systemd->node->interfaces[i + 1],
								   &UNIT_VTABLE, unit, NULL, NULL);
	g_hash_table_insert(systemd->units, unit->name, unit);
	return unit;
}

static struct unit *unit_load(struct systemd *systemd, const char *name)
{
	struct unit *unit = g_hash_table_lookup(systemd->units, name);

	return unit != NULL ? unit : unit_make(systemd, name, FALSE);
}

/* --- transient units --- */

static void unit_ended(GPid pid, gint wait_status, gpointer user_data)
{
	struct unit *unit = user_data;

	kill(-pid, SIGKILL); /* who is left in the group, as KillMode=control-group does */
	unit->pid = 0;
	unit->code = WIFEXITED(wait_status) ? CLD_EXITED : CLD_KILLED;
	unit->status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : WTERMSIG(wait_status);
}

static void child_setup(gpointer user_data)
{
	setsid();
}

static void unit_spawn(struct unit *unit, GVariant *properties, const gint *fds)
{
	g_autoptr(GVariant) commands = NULL;
	g_auto(GStrv) environment = NULL;
	g_auto(GStrv) arguments = NULL;
	const char *path;
	gint32 out = 0, err = 0;

	for (gsize i = 0; i < g_variant_n_children(properties); i++) {
		g_autoptr(GVariant) value = NULL;
		const char *name;

		g_variant_get_child(properties, i, "(&sv)", &name, &value);
		if (strcmp(name, "ExecStart") == 0)
			g_variant_get_child(value, 0, "(&s^asb)", &path, &arguments, NULL);
		if (strcmp(name, "Environment") == 0)
			environment = g_variant_dup_strv(value, NULL);
		if (strcmp(name, "StandardOutputFileDescriptor") == 0)
			out = g_variant_get_handle(value);
		if (strcmp(name, "StandardErrorFileDescriptor") == 0)
			err = g_variant_get_handle(value);
	}
	unit->has_job = TRUE;
	if (!g_spawn_async_with_pipes_and_fds(
		    "/", (const char *const *)arguments, (const char *const *)environment,
		    G_SPAWN_DO_NOT_REAP_CHILD, child_setup, NULL, -1, fds[out], fds[err], NULL,
		    NULL, 0, &unit->pid, NULL, NULL, NULL, NULL)) {
		unit->code = CLD_EXITED;
		unit->status = 203;
		return;
	}
	g_child_watch_add(unit->pid, unit_ended, unit);
}

static const char *property_refused(GVariant *properties)
{
	for (gsize i = 0; i < g_variant_n_children(properties); i++) {
		g_autoptr(GVariant) value = NULL;
		g_autofree char *shown = NULL;
		const char *name;
		gboolean known = FALSE;

		g_variant_get_child(properties, i, "(&sv)", &name, &value);
		shown = g_variant_print(value, FALSE);
		printf("%s=%s\n", name, shown);
		for (size_t j = 0; j < G_N_ELEMENTS(RULES); j++)
			known |= strcmp(RULES[j].name, name) == 0 &&
				 g_variant_is_of_type(value, G_VARIANT_TYPE(RULES[j].type));
		if (!known)
			return name;
	}
	return NULL;
}

static GVariant *transient_start(struct systemd *systemd, GDBusMethodInvocation *invocation,
				 GVariant *parameters)
{
	GUnixFDList *list = g_dbus_message_get_unix_fd_list(
		g_dbus_method_invocation_get_message(invocation));
	g_autoptr(GVariant) properties = g_variant_get_child_value(parameters, 2);
	const char *name;
	const char *refused = property_refused(properties);

	g_variant_get_child(parameters, 0, "&s", &name);
	if (refused != NULL) {
		g_dbus_method_invocation_return_dbus_error(
			invocation, "org.freedesktop.DBus.Error.PropertyReadOnly", refused);
		return NULL;
	}
	unit_spawn(unit_make(systemd, name, TRUE), properties, g_unix_fd_list_peek_fds(list, NULL));
	return g_variant_new("(o)", "/org/freedesktop/systemd1/job/1");
}

static void unit_unref(struct systemd *systemd, const char *name)
{
	struct unit *unit = g_hash_table_lookup(systemd->units, name);

	if (unit == NULL || unit->pid != 0)
		return;
	for (unsigned i = 0; i < 2; i++)
		g_dbus_connection_unregister_object(systemd->bus, unit->faces[i]);
	g_hash_table_remove(systemd->units, name);
}

/* --- the manager --- */

static GVariant *failed_list(struct systemd *systemd)
{
	g_autoptr(GKeyFile) keys = settings(systemd);
	g_auto(GStrv) names = g_key_file_get_string_list(keys, "systemd", "failed", NULL, NULL);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssssssouso)"));
	for (char **name = names; name != NULL && *name != NULL; name++)
		g_variant_builder_add(&builder, "(ssssssouso)", *name, "", "loaded", "failed",
				      "failed", "", "/", 0, "", "/");
	return g_variant_new("(a(ssssssouso))", &builder);
}

static gboolean is_refused(struct systemd *systemd, const char *method,
			   GDBusMethodInvocation *invocation)
{
	g_autoptr(GKeyFile) keys = settings(systemd);
	g_autofree char *refused = g_key_file_get_string(keys, "systemd", "refuse", NULL);

	if (g_strcmp0(refused, method) != 0)
		return FALSE;
	g_dbus_method_invocation_return_dbus_error(
		invocation, "org.freedesktop.DBus.Error.AccessDenied", "as the test wants");
	return TRUE;
}

static void unit_tell(struct systemd *systemd, const char *method, GVariant *parameters)
{
	struct unit *unit;
	const char *name;

	g_variant_get_child(parameters, 0, "&s", &name);
	unit = g_hash_table_lookup(systemd->units, name);
	if (strcmp(method, "UnrefUnit") == 0)
		unit_unref(systemd, name);
	else if (unit != NULL && unit->pid != 0)
		kill(-unit->pid, SIGKILL);
}

static void method_call(GDBusConnection *bus, const char *sender, const char *path,
			const char *interface, const char *method, GVariant *parameters,
			GDBusMethodInvocation *invocation, gpointer user_data)
{
	struct systemd *systemd = user_data;
	GVariant *answer = NULL;
	const char *name = "";

	if (strcmp(method, "ListUnitsFiltered") != 0)
		g_variant_get_child(parameters, 0, "&s", &name);
	printf("%s(%s)\n", method, name);
	fflush(stdout);
	if (is_refused(systemd, method, invocation))
		return;
	if (strcmp(method, "StartTransientUnit") == 0) {
		answer = transient_start(systemd, invocation, parameters);
		fflush(stdout);
		if (answer == NULL)
			return;
	} else if (strcmp(method, "LoadUnit") == 0) {
		answer = g_variant_new("(o)", unit_load(systemd, name)->path);
	} else if (strcmp(method, "ListUnitsFiltered") == 0) {
		answer = failed_list(systemd);
	} else if (strcmp(method, "StartUnit") == 0) {
		answer = g_variant_new("(o)", "/org/freedesktop/systemd1/job/2");
	} else {
		unit_tell(systemd, method, parameters);
		if (strcmp(method, "StopUnit") == 0)
			answer = g_variant_new("(o)", "/org/freedesktop/systemd1/job/3");
	}
	g_dbus_method_invocation_return_value(invocation, answer);
}

static const GDBusInterfaceVTable VTABLE = { .method_call = method_call };

static void name_acquired(GDBusConnection *bus, const char *name, gpointer user_data)
{
	puts("ready");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct systemd systemd = { .file = argv[2] };
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GError) error = NULL;

	systemd.bus = g_dbus_connection_new_for_address_sync(
		argv[1],
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);
	if (systemd.bus == NULL)
		g_error("%s", error->message);
	systemd.node = g_dbus_node_info_new_for_xml(INTROSPECTION, NULL);
	systemd.units = g_hash_table_new(g_str_hash, g_str_equal);
	g_dbus_connection_register_object(systemd.bus, "/org/freedesktop/systemd1",
					  systemd.node->interfaces[0], &VTABLE, &systemd, NULL,
					  NULL);
	g_bus_own_name_on_connection(systemd.bus, "org.freedesktop.systemd1",
				     G_BUS_NAME_OWNER_FLAGS_NONE, name_acquired, NULL, NULL, NULL);
	g_main_loop_run(loop);
	return 0;
}

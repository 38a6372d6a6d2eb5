/* SPDX-License-Identifier: MIT */
#include "systemdunits.h"

#include <string.h>

#include "failure.h"

enum {
	CALL_MS = 10000,
	FAILED_MAX = 4096, /* units; a list that is longer is cut */
};

static const char MANAGER_PATH[] = "/org/freedesktop/systemd1";
static const char MANAGER[] = "org.freedesktop.systemd1.Manager";

struct word {
	const char *name;
	enum unitjudge_state state;
};

static const struct word STATES[] = {
	{ "active", UNITJUDGE_ACTIVE },         { "reloading", UNITJUDGE_ACTIVE },
	{ "refreshing", UNITJUDGE_ACTIVE },     { "activating", UNITJUDGE_COMING },
	{ "inactive", UNITJUDGE_INACTIVE },     { "maintenance", UNITJUDGE_INACTIVE },
	{ "deactivating", UNITJUDGE_INACTIVE }, { "failed", UNITJUDGE_FAILED },
};

struct call {
	const char *path;
	const char *interface;
	const char *method;
	GVariant *parameters; /* floating */
	const char *type;     /* of the answer */
};

static GVariant *systemd_call(GDBusConnection *bus, const struct call *call,
			      GCancellable *cancellable, GError **error)
{
	g_autoptr(GVariant) parameters = g_variant_ref_sink(call->parameters);
	g_autoptr(GError) cause = NULL;
	GVariant *reply;

	if (bus == NULL) {
		failure_set(error, FAULT_HEALTH_SYSTEMD, "there is no systemd");
		return NULL;
	}
	reply = g_dbus_connection_call_sync(
		bus, "org.freedesktop.systemd1", call->path, call->interface, call->method,
		parameters, G_VARIANT_TYPE(call->type), G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_MS,
		cancellable, &cause);
	if (reply == NULL) {
		g_dbus_error_strip_remote_error(cause);
		failure_set(error, FAULT_HEALTH_SYSTEMD, "systemd cannot be asked: %s",
			    cause->message);
	}
	return reply;
}

static enum unitjudge_state state_of(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(STATES); i++)
		if (strcmp(STATES[i].name, name) == 0)
			return STATES[i].state;
	return UNITJUDGE_INACTIVE; /* a state of a later systemd is none that is known to be good */
}

static void invocation_read(GVariant *properties, struct unitjudge_sample *sample)
{
	g_autoptr(GVariant)
		value = g_variant_lookup_value(properties, "InvocationID", G_VARIANT_TYPE("ay"));
	gsize size_bytes;
	const void *bytes;

	if (value == NULL)
		return;
	bytes = g_variant_get_fixed_array(value, &size_bytes, 1);
	if (size_bytes == UNITJUDGE_INVOCATION_SIZE)
		memcpy(sample->invocation, bytes, size_bytes);
}

static void unit_read(GVariant *properties, struct unitjudge_sample *sample)
{
	const char *active = "";
	const char *load = "";
	guint64 since_us = 0;

	g_variant_lookup(properties, "ActiveState", "&s", &active);
	g_variant_lookup(properties, "LoadState", "&s", &load);
	g_variant_lookup(properties, "ActiveEnterTimestampMonotonic", "t", &since_us);
	invocation_read(properties, sample);
	sample->active_since_us = (gint64)MIN(since_us, G_MAXINT64);
	sample->state = state_of(active);
	/* One whose file is gone may still run; that is its own good reason to be active. */
	if (sample->state != UNITJUDGE_ACTIVE && strcmp(load, "loaded") != 0)
		sample->state = UNITJUDGE_MISSING;
}

static GVariant *properties_get(GDBusConnection *bus, const char *path, const char *interface,
				GCancellable *cancellable, GError **error)
{
	const struct call call = { path, "org.freedesktop.DBus.Properties", "GetAll",
				   g_variant_new("(s)", interface), "(a{sv})" };
	g_autoptr(GVariant) reply = systemd_call(bus, &call, cancellable, error);

	return reply != NULL ? g_variant_get_child_value(reply, 0) : NULL;
}

gboolean systemdunits_sample(GDBusConnection *bus, const char *name, GCancellable *cancellable,
			     struct unitjudge_sample *ret_sample, GError **error)
{
	const struct call call = { MANAGER_PATH, MANAGER, "LoadUnit", g_variant_new("(s)", name),
				   "(o)" };
	g_autoptr(GVariant) reply = systemd_call(bus, &call, cancellable, error);
	g_autoptr(GVariant) unit = NULL;
	g_autoptr(GVariant) service = NULL;
	const char *path;

	*ret_sample = (struct unitjudge_sample){ .now_us = g_get_monotonic_time() };
	if (reply == NULL)
		return FALSE;
	g_variant_get(reply, "(&o)", &path);
	unit = properties_get(bus, path, "org.freedesktop.systemd1.Unit", cancellable, error);
	if (unit == NULL)
		return FALSE;
	/* What is no service has no such face, and is never restarted. */
	if (g_str_has_suffix(name, ".service"))
		service = properties_get(bus, path, "org.freedesktop.systemd1.Service", cancellable,
					 NULL);
	unit_read(unit, ret_sample);
	if (service != NULL)
		g_variant_lookup(service, "NRestarts", "u", &ret_sample->restarts);
	return TRUE;
}

char **systemdunits_failed(GDBusConnection *bus, GCancellable *cancellable, GError **error)
{
	const char *const states[] = { "failed", NULL };
	const struct call call = { MANAGER_PATH, MANAGER, "ListUnitsFiltered",
				   g_variant_new("(^as)", states), "(a(ssssssouso))" };
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	g_autoptr(GVariant) reply = systemd_call(bus, &call, cancellable, error);
	g_autoptr(GVariant) list = NULL;

	if (reply == NULL)
		return NULL;
	list = g_variant_get_child_value(reply, 0);
	for (gsize i = 0; i < MIN(g_variant_n_children(list), FAILED_MAX); i++) {
		const char *name;

		g_variant_get_child(list, i, "(&s&s&s&s&s&s&ou&s&o)", &name, NULL, NULL, NULL, NULL,
				    NULL, NULL, NULL, NULL, NULL);
		g_strv_builder_add(names, name);
	}
	return g_strv_builder_end(names);
}

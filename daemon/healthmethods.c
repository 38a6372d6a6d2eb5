/* SPDX-License-Identifier: MIT */
#include "healthmethods.h"

#include "call.h"
#include "failure.h"
#include "healthrecord.h"
#include "healthverdict.h"

/* The text of one record; boot NULL: the last one. */
static char *record_find(struct server *server, const char *boot, GError **error)
{
	const struct config *config = server_config_get(server, error);

	return config != NULL ? healthrecord_load(config->state_dir, boot, error) : NULL;
}

static gboolean health_last_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				   gpointer user_data)
{
	GError *error = NULL;
	g_autofree char *json = record_find(user_data, NULL, &error);

	if (json == NULL)
		return call_fail(invocation, error);
	bus_manager_complete_health_last(manager, invocation, json);
	return TRUE;
}

static gboolean health_show_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				   const char *boot, gpointer user_data)
{
	GError *error = NULL;
	g_autofree char *json = record_find(user_data, boot, &error);

	if (json == NULL)
		return call_fail(invocation, error);
	bus_manager_complete_health_show(manager, invocation, json);
	return TRUE;
}

static gboolean health_list_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				   gpointer user_data)
{
	GError *error = NULL;
	const struct config *config = server_config_get(user_data, &error);
	g_autofree char *json = NULL;

	if (config == NULL)
		return call_fail(invocation, error);
	json = healthrecord_list(config->state_dir);
	bus_manager_complete_health_list(manager, invocation, json);
	return TRUE;
}

static gboolean health_hold_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				   gboolean held, gpointer user_data)
{
	GError *error = NULL;
	const struct config *config = server_config_get(user_data, &error);

	if (config == NULL || !healthverdict_hold(config, held, &error))
		return call_fail(invocation, error);
	call_log(invocation, held ? "hold" : "no hold");
	bus_manager_set_health_held(manager, held);
	bus_manager_complete_health_hold(manager, invocation);
	return TRUE;
}

struct handler {
	const char *signal;
	GCallback call;
};

static const struct handler HANDLERS[] = {
	{ "handle-health-last", G_CALLBACK(health_last_handle) },
	{ "handle-health-show", G_CALLBACK(health_show_handle) },
	{ "handle-health-list", G_CALLBACK(health_list_handle) },
	{ "handle-health-hold", G_CALLBACK(health_hold_handle) },
};

void healthmethods_connect(BusManager *manager, struct server *server)
{
	for (size_t i = 0; i < G_N_ELEMENTS(HANDLERS); i++)
		g_signal_connect(manager, HANDLERS[i].signal, HANDLERS[i].call, server);
}

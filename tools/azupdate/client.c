/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "busaddress.h"
#include "failure.h"

enum {
	DIALOG_TIME_MS = 330000, /* a little longer than azupdated waits for polkit */
	/* The daemon starts, at a boot beside much else, and asks a slow TPM. */
	READ_TIME_MS = 120000,
};

struct translation {
	gint code; /* of domain G_DBUS_ERROR */
	fault why;
	const char *message; /* NULL: what the bus said */
};

static const struct translation TRANSLATIONS[] = {
	{ G_DBUS_ERROR_ACCESS_DENIED, FAULT_NOT_ALLOWED, "the bus does not let this user do it" },
	{ G_DBUS_ERROR_UNKNOWN_OBJECT, FAULT_JOB_UNKNOWN, "there is no such job (any more)" },
	{ G_DBUS_ERROR_UNKNOWN_METHOD, FAULT_BUS, "azupdated is of another release" },
	{ G_DBUS_ERROR_SERVICE_UNKNOWN, FAULT_BUS, "azupdated does not run and cannot be started" },
	{ G_DBUS_ERROR_NAME_HAS_NO_OWNER, FAULT_BUS, "azupdated does not run" },
	{ G_DBUS_ERROR_NO_REPLY, FAULT_BUS, "azupdated did not answer" },
	{ G_DBUS_ERROR_INVALID_ARGS, FAULT_ARGUMENT, NULL },
};

gboolean client_fail(GError **error, GError *cause)
{
	g_autoptr(GError) owned = cause;

	g_dbus_error_strip_remote_error(owned);
	if (owned->domain == FAILURE) {
		g_propagate_error(error, g_steal_pointer(&owned));
		return FALSE;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(TRANSLATIONS); i++)
		if (g_error_matches(owned, G_DBUS_ERROR, TRANSLATIONS[i].code))
			return failure_set(error, TRANSLATIONS[i].why, "%s",
					   TRANSLATIONS[i].message == NULL
						   ? owned->message
						   : TRANSLATIONS[i].message);
	return failure_set(error, FAULT_BUS, "azupdated: %s", owned->message);
}

/* The calls are made by generated code, which has no flags. */
static GDBusMessage *message_flag(GDBusConnection *bus, GDBusMessage *message, gboolean incoming,
				  gpointer user_data)
{
	GDBusMessage *flagged;

	if (incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
		return message;
	flagged = g_dbus_message_copy(message, NULL); /* what is on its way cannot be changed */
	if (flagged == NULL)
		return message;
	g_dbus_message_set_flags(flagged,
				 g_dbus_message_get_flags(message) |
					 G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);
	g_object_unref(message);
	return flagged;
}

/* Whoever sits at a terminal can be asked for a password; a script would hang. */
static gboolean client_connect(struct cli *cli, GError **error)
{
	if (cli->connection != NULL)
		return TRUE;
	cli->connection = busaddress_connect(cli->bus, error);
	if (cli->connection == NULL)
		return FALSE;
	cli->asks = isatty(STDIN_FILENO) == 1 && !cli->json;
	if (cli->asks)
		(void)g_dbus_connection_add_filter(cli->connection, message_flag, NULL, NULL);
	return TRUE;
}

/* A password takes longer to type than a call to be answered. */
static gpointer proxy_ready(const struct cli *cli, gpointer proxy)
{
	if (cli->asks)
		g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(proxy), DIALOG_TIME_MS);
	return proxy;
}

/* A bus gives a program 25 s to come up, and then fails who waits for it. A machine that is busy
 * with its boot may need longer, so it is asked again. */
static GVariant *manager_refresh(const struct cli *cli, GError **error)
{
	const gint64 until_us = g_get_monotonic_time() + (gint64)READ_TIME_MS * 1000;
	GVariant *reply;

	do {
		g_clear_error(error);
		reply = g_dbus_connection_call_sync(
			cli->connection, AZUPDATE_BUS_NAME, AZUPDATE_BUS_PATH,
			AZUPDATE_BUS_INTERFACE_MANAGER, "Refresh", NULL, NULL,
			G_DBUS_CALL_FLAGS_NONE, READ_TIME_MS, NULL, error);
	} while (reply == NULL && g_error_matches(*error, G_DBUS_ERROR, G_DBUS_ERROR_TIMED_OUT) &&
		 g_get_monotonic_time() < until_us);
	return reply;
}

static BusManager *manager_find(struct cli *cli, gboolean must_read, GError **error)
{
	GError *cause = NULL;
	g_autoptr(GVariant) reply = NULL;
	BusManager *manager;

	if (!client_connect(cli, error))
		return NULL;
	reply = manager_refresh(cli, &cause);
	if (reply == NULL && must_read) {
		client_fail(error, cause);
		return NULL;
	}
	g_clear_error(&cause);
	manager = bus_manager_proxy_new_sync(cli->connection, G_DBUS_PROXY_FLAGS_NONE,
					     AZUPDATE_BUS_NAME, AZUPDATE_BUS_PATH, NULL, &cause);
	if (manager == NULL) {
		client_fail(error, cause);
		return NULL;
	}
	/* A call may wait for hooks and for a TPM; both have limits of their own. */
	g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(manager), G_MAXINT);
	if (bus_manager_get_version(manager) != NULL)
		return manager;
	g_object_unref(manager); /* a proxy is made also for a daemon that is gone */
	failure_set(error, FAULT_BUS, "azupdated ended meanwhile");
	return NULL;
}

BusManager *client_manager(struct cli *cli, GError **error)
{
	return manager_find(cli, TRUE, error);
}

BusManager *client_manager_unread(struct cli *cli, GError **error)
{
	return manager_find(cli, FALSE, error);
}

BusUpdates *client_updates(struct cli *cli, GError **error)
{
	GError *cause = NULL;
	BusUpdates *updates;

	if (!client_connect(cli, error))
		return NULL;
	updates = bus_updates_proxy_new_sync(cli->connection, G_DBUS_PROXY_FLAGS_NONE,
					     AZUPDATE_BUS_NAME, AZUPDATE_BUS_PATH, NULL, &cause);
	if (updates == NULL) {
		client_fail(error, cause);
		return NULL;
	}
	return proxy_ready(cli, updates);
}

BusSlot *client_slot(struct cli *cli, const char *name, GError **error)
{
	g_autofree char *path = g_strconcat(AZUPDATE_BUS_PATH_SLOT_PREFIX, name, NULL);
	GError *cause = NULL;
	BusSlot *slot = bus_slot_proxy_new_sync(cli->connection, G_DBUS_PROXY_FLAGS_NONE,
						AZUPDATE_BUS_NAME, path, NULL, &cause);

	if (slot == NULL) {
		client_fail(error, cause);
		return NULL;
	}
	if (bus_slot_get_state(slot) != NULL)
		return slot;
	g_object_unref(slot);
	failure_set(error, FAULT_BUS, "azupdated ended meanwhile");
	return NULL;
}

BusJob *client_job(struct cli *cli, const char *path, GError **error)
{
	GError *cause = NULL;
	BusJob *job = bus_job_proxy_new_sync(cli->connection, G_DBUS_PROXY_FLAGS_NONE,
					     AZUPDATE_BUS_NAME, path, NULL, &cause);

	if (job == NULL) {
		client_fail(error, cause);
		return NULL;
	}
	if (bus_job_get_state(job) != NULL)
		return proxy_ready(cli, job);
	g_object_unref(job); /* a proxy is made also for an object that is not there */
	failure_set(error, FAULT_JOB_UNKNOWN, "there is no job %s", path);
	return NULL;
}

char *client_running_slot(BusManager *manager, GError **error)
{
	const char *running = bus_manager_get_running(manager);

	if (running[0] != '\0')
		return g_strdup(running);
	failure_set(error, FAULT_ARGUMENT, "the machine does not run from a slot: name one");
	return NULL;
}

char *client_other_slot(BusManager *manager, GError **error)
{
	g_autofree char *running = client_running_slot(manager, error);

	if (running == NULL)
		return NULL;
	return g_strdup(g_str_equal(running, "a") ? "b" : "a");
}

int client_print(struct cli *cli, const char *text, void (*print)(const json_t *object),
		 const char *wrong, GError **error)
{
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;

	if (cli->json) {
		puts(text);
		return AZUPDATE_EXIT_OK;
	}
	object = json_object_parse(text, strlen(text), &why);
	if (object == NULL) {
		failure_set(error, FAULT_BUS, "%s: %s", wrong, why);
		return AZUPDATE_EXIT_FAILED;
	}
	print(object);
	return AZUPDATE_EXIT_OK;
}

/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "azupdate/azupdate.h"
#include "bus.h"
#include "caller.h"
#include "failure.h"
#include "healthverdict.h"
#include "manager.h"
#include "publish.h"
#include "standing.h"
#include "updates.h"

enum { SERVER_JOBS_MAX = 8 }; /* jobs that can be looked at, the running one included */

static const char *const SLOT_PATHS[SLOT_COUNT] = { AZUPDATE_BUS_PATH_SLOT_A,
						    AZUPDATE_BUS_PATH_SLOT_B };

struct server {
	GDBusConnection *bus;
	char *config_path;
	struct config *config;
	struct machine *machine;
	BusManager *manager;
	BusUpdates *updates;
	BusSlot *slots[SLOT_COUNT];
	GPtrArray *jobs; /* of struct job, oldest first */
	unsigned jobs_started;
	gboolean held;
	void (*quiet)(gpointer); /* set while the daemon stops */
	gpointer quiet_data;
};

GDBusConnection *server_bus(struct server *server)
{
	return server->bus;
}

const struct config *server_config(struct server *server)
{
	return server->config;
}

static struct job *job_newest(struct server *server)
{
	return server->jobs->len == 0 ? NULL
				      : g_ptr_array_index(server->jobs, server->jobs->len - 1);
}

gboolean server_is_busy(struct server *server)
{
	const struct job *job = job_newest(server);

	return job != NULL && job_is_running(job);
}

const struct config *server_config_get(struct server *server, GError **error)
{
	if (server->config == NULL)
		server->config = config_load(server->config_path, error);
	return server->config;
}

static gboolean machine_ready(struct server *server, GError **error)
{
	if (server_config_get(server, error) == NULL)
		return FALSE;
	if (server->machine == NULL)
		server->machine = machine_open(server->config, error);
	return server->machine != NULL;
}

gboolean server_machine(struct server *server, struct machine **ret_machine, GError **error)
{
	if (server->quiet != NULL)
		return failure_set(error, FAULT_JOB_BUSY, "the daemon is stopping");
	if (server_is_busy(server))
		return failure_set(error, FAULT_JOB_BUSY, "job %s is running",
				   job_path(job_newest(server)));
	if (!machine_ready(server, error))
		return FALSE;
	*ret_machine = server->machine;
	return TRUE;
}

gboolean server_hold(struct server *server, const struct machine **ret_machine, GError **error)
{
	if (server->quiet != NULL)
		return failure_set(error, FAULT_JOB_BUSY, "the daemon is stopping");
	if (server->held)
		return failure_set(error, FAULT_JOB_BUSY, "an attestation is being made");
	if (!machine_ready(server, error))
		return FALSE;
	server->held = TRUE;
	*ret_machine = server->machine;
	return TRUE;
}

static void quiet_tell(struct server *server)
{
	if (server->quiet != NULL && !server_is_needed(server))
		server->quiet(server->quiet_data);
}

void server_release(struct server *server)
{
	server->held = FALSE;
	quiet_tell(server);
}

gboolean server_is_needed(struct server *server)
{
	return server->held || server_is_busy(server);
}

gboolean server_refresh(struct server *server, GError **error)
{
	g_autoptr(MachineStatus) status = NULL;

	if (server_is_busy(server))
		return TRUE;
	if (!machine_ready(server, error))
		return FALSE;
	status = machine_status_get(server->machine, error);
	if (status == NULL)
		return FALSE;
	publish_manager(server->manager, status);
	bus_manager_set_health_held(server->manager, healthverdict_is_held(server->config));
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		publish_slot(server->slots[i], &status->slots[i]);
	bus_manager_set_watchdog(server->manager, standing_watchdog(server->config));
	standing_message(server->config, status);
	g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(server->manager));
	return TRUE;
}

static void jobs_publish(struct server *server)
{
	g_autofree const char **paths = g_new0(const char *, server->jobs->len + 1);

	for (guint i = 0; i < server->jobs->len; i++)
		paths[i] = job_path(g_ptr_array_index(server->jobs, i));
	bus_manager_set_jobs(server->manager, paths);
}

static void job_ended(struct job *job, gpointer user_data)
{
	struct server *server = user_data;
	g_autoptr(GError) error = NULL;

	if (!server_refresh(server, &error))
		g_warning("the properties are old: %s", error->message);
	quiet_tell(server);
}

const char *server_start_job(struct server *server, const struct job_task *task, GError **error)
{
	struct machine *machine;
	struct job *job;

	if (!server_machine(server, &machine, error)) {
		task->data_free(task->data);
		return NULL;
	}
	job = job_start(server->bus, server->jobs_started + 1, task, job_ended, server, error);
	if (job == NULL)
		return NULL;
	server->jobs_started++;
	if (server->jobs->len == SERVER_JOBS_MAX)
		g_ptr_array_remove_index(server->jobs, 0);
	g_ptr_array_add(server->jobs, job);
	jobs_publish(server);
	return job_path(job);
}

void server_stop(struct server *server, void (*quiet)(gpointer), gpointer user_data)
{
	if (!server_is_needed(server)) {
		quiet(user_data);
		return;
	}
	server->quiet = quiet;
	server->quiet_data = user_data;
	if (server_is_busy(server))
		job_cancel(job_newest(server));
}

static gboolean objects_export(struct server *server, GError **error)
{
	GDBusInterfaceSkeleton *manager = G_DBUS_INTERFACE_SKELETON(server->manager);
	GDBusInterfaceSkeleton *updates = G_DBUS_INTERFACE_SKELETON(server->updates);

	manager_connect(server->manager, server);
	updates_connect(server->updates, server);
	caller_guard(manager);
	caller_guard(updates);
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		GDBusInterfaceSkeleton *slot = G_DBUS_INTERFACE_SKELETON(server->slots[i]);

		if (!g_dbus_interface_skeleton_export(slot, server->bus, SLOT_PATHS[i], error))
			return FALSE;
	}
	return g_dbus_interface_skeleton_export(updates, server->bus, AZUPDATE_BUS_PATH, error) &&
	       g_dbus_interface_skeleton_export(manager, server->bus, AZUPDATE_BUS_PATH, error);
}

struct server *server_new(GDBusConnection *bus, const char *config_path, GError **error)
{
	struct server *server = g_new0(struct server, 1);

	server->bus = g_object_ref(bus);
	server->config_path = g_strdup(config_path);
	server->jobs = g_ptr_array_new_with_free_func((GDestroyNotify)job_free);
	server->manager = bus_manager_skeleton_new();
	server->updates = bus_updates_skeleton_new();
	publish_manager_unknown(server->manager);
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		server->slots[i] = bus_slot_skeleton_new();
		publish_slot_unknown(server->slots[i]);
	}
	if (objects_export(server, error))
		return server;
	server_free(server);
	return NULL;
}

static void skeleton_free(gpointer object)
{
	GDBusInterfaceSkeleton *skeleton = object;

	if (g_dbus_interface_skeleton_get_connection(skeleton) != NULL)
		g_dbus_interface_skeleton_unexport(skeleton);
	g_object_unref(skeleton);
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	g_ptr_array_unref(server->jobs);
	skeleton_free(server->manager);
	skeleton_free(server->updates);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		skeleton_free(server->slots[i]);
	if (server->machine != NULL)
		machine_free(server->machine);
	config_free(server->config);
	g_object_unref(server->bus);
	g_free(server->config_path);
	g_free(server);
}

/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "azupdate/azupdate.h"
#include "batch.h"
#include "bus.h"
#include "etckeep.h"
#include "failure.h"
#include "healthverdict.h"
#include "inflow.h"
#include "manager.h"
#include "publish.h"
#include "standing.h"
#include "store_methods.h"
#include "updater.h"
#include "updates.h"
#include "updatestate.h"
#include "worker.h"

enum { SERVER_JOBS_MAX = 8 }; /* jobs that can be looked at, the running one included */

static const char *const SLOT_PATHS[SLOT_COUNT] = { AZUPDATE_BUS_PATH_SLOT_A,
						    AZUPDATE_BUS_PATH_SLOT_B };

struct server {
	GDBusConnection *bus;
	char *config_path;
	struct config *config;
	struct workers workers; /* what it names is owned */
	struct machine *machine;
	BusManager *manager;
	BusUpdates *updates;
	BusSlot *slots[SLOT_COUNT];
	GDBusObjectManagerServer *objects; /* slots and jobs */
	struct inflow *inflow;
	struct job_place place;
	GPtrArray *jobs; /* of struct job, oldest first */
	unsigned jobs_started;
	enum server_hold held;
	struct batch *looks[SERVER_LOOK_COUNT];
	struct outlook_ask why_ask; /* of the look under way */
	struct machine
		*refresh_machine; /* likewise; NULL: a job runs, and there is nothing to see */
	gint store_later;         /* atomic */
	void (*quiet)(gpointer);  /* set while the daemon stops */
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

void server_store_later(struct server *server)
{
	g_atomic_int_set(&server->store_later, 1);
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
	if (server->config != NULL)
		server->config->workers = &server->workers;
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
	if (server->held == SERVER_HOLD_ALONE)
		return failure_set(error, FAULT_JOB_BUSY, "the TPM is being enrolled");
	if (!machine_ready(server, error))
		return FALSE;
	*ret_machine = server->machine;
	return TRUE;
}

gboolean server_hold(struct server *server, enum server_hold hold, struct machine **ret_machine,
		     GError **error)
{
	if (server->quiet != NULL)
		return failure_set(error, FAULT_JOB_BUSY, "the daemon is stopping");
	if (server->held != SERVER_HOLD_NONE)
		return failure_set(error, FAULT_JOB_BUSY, "the TPM is in use by another call");
	if (hold == SERVER_HOLD_ALONE && !server_machine(server, ret_machine, error))
		return FALSE;
	if (!machine_ready(server, error))
		return FALSE;
	server->held = hold;
	*ret_machine = server->machine;
	return TRUE;
}

static gboolean is_looked_at(const struct server *server)
{
	for (unsigned i = 0; i < SERVER_LOOK_COUNT; i++)
		if (batch_is_busy(server->looks[i]))
			return TRUE;
	return FALSE;
}

static void quiet_tell(struct server *server)
{
	if (server->quiet != NULL && !server_is_needed(server))
		server->quiet(server->quiet_data);
}

void server_release(struct server *server)
{
	server->held = SERVER_HOLD_NONE;
	quiet_tell(server);
}

gboolean server_is_needed(struct server *server)
{
	return server->held != SERVER_HOLD_NONE || server_is_busy(server) || is_looked_at(server);
}

gboolean server_is_asked(struct server *server)
{
	return caller_gate_is_busy(server->place.gate);
}

static void etc_publish(struct server *server)
{
	g_auto(EtckeepLaid) laid = etckeep_laid(server->config);

	bus_manager_set_etc(server->manager, laid.is_meant ? etclay_name(laid.lay) : "");
	bus_manager_set_etc_fault(server->manager, laid.is_meant ? laid.why : FAULT_OK);
	bus_manager_set_etc_reason(server->manager, laid.is_meant ? laid.reason : "");
}

static void status_publish(struct server *server, const struct machine_status *status)
{
	publish_manager(server->manager, status);
	bus_manager_set_health_held(server->manager, healthverdict_is_held(server->config));
	bus_manager_set_watchdog(server->manager, standing_watchdog(server->config));
	etc_publish(server);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		publish_slot(server->slots[i], &status->slots[i]);
	standing_message(server->config, status);
	g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(server->manager));
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
	status_publish(server, status);
	return TRUE;
}

/* --- looks that are taken in a thread, for whoever asks --- */

/* What was seen; without a status if a job ran, whose end changes the properties. */
struct sight {
	struct machine_status *status;
};

static void sight_free(gpointer data)
{
	struct sight *sight = data;

	g_clear_pointer(&sight->status, machine_status_free);
	g_free(sight);
}

static gboolean refresh_begin(gpointer user_data, GError **error)
{
	struct server *server = user_data;

	server->refresh_machine = NULL;
	if (server_is_busy(server))
		return TRUE;
	if (!machine_ready(server, error))
		return FALSE;
	server->refresh_machine = server->machine;
	return TRUE;
}

static gpointer refresh_look(gpointer user_data, GError **error)
{
	const struct server *server = user_data;
	struct sight *sight = g_new0(struct sight, 1);

	if (server->refresh_machine == NULL)
		return sight;
	sight->status = machine_status_get(server->refresh_machine, error);
	if (sight->status != NULL)
		return sight;
	sight_free(sight);
	return NULL;
}

static void refresh_seen(gpointer result, gpointer user_data)
{
	const struct sight *sight = result;

	/* What was seen before a job began may be old when it is under way. */
	if (sight->status != NULL && !server_is_busy(user_data))
		status_publish(user_data, sight->status);
}

static GVariant *refresh_reply(gpointer result)
{
	return NULL;
}

static gboolean why_begin(gpointer user_data, GError **error)
{
	struct server *server = user_data;

	return updater_why_begin(server, &server->why_ask, error);
}

static gpointer why_look(gpointer user_data, GError **error)
{
	const struct server *server = user_data;

	return updater_why(&server->why_ask, error);
}

static GVariant *why_reply(gpointer result)
{
	const struct updater_words *words = result;

	return g_variant_new("(ss)", words->json, words->text);
}

/* The store is read, too, and a large one takes its time. */
static gboolean history_begin(gpointer user_data, GError **error)
{
	return server_config_get(user_data, error) != NULL;
}

static gpointer history_look(gpointer user_data, GError **error)
{
	const struct server *server = user_data;

	return updatestate_history(server->config, error);
}

static GVariant *history_reply(gpointer result)
{
	return g_variant_new("(s)", result);
}

static void looks_quiet(gpointer user_data)
{
	quiet_tell(user_data);
}

static const struct batch_kind LOOKS[SERVER_LOOK_COUNT] = {
	[SERVER_LOOK_REFRESH] = { .begin = refresh_begin,
				  .look = refresh_look,
				  .seen = refresh_seen,
				  .reply = refresh_reply,
				  .result_free = sight_free,
				  .quiet = looks_quiet },
	[SERVER_LOOK_WHY] = { .begin = why_begin,
			      .look = why_look,
			      .reply = why_reply,
			      .result_free = updater_words_free,
			      .quiet = looks_quiet },
	[SERVER_LOOK_HISTORY] = { .begin = history_begin,
				  .look = history_look,
				  .reply = history_reply,
				  .result_free = g_free,
				  .quiet = looks_quiet },
};

void server_look_for(struct server *server, enum server_look look,
		     GDBusMethodInvocation *invocation)
{
	if (server->quiet == NULL)
		batch_ask(server->looks[look], invocation);
	else
		g_dbus_method_invocation_return_error(invocation, FAILURE, FAULT_JOB_BUSY,
						      "the daemon is stopping");
}

/* --- jobs --- */

static void jobs_publish(struct server *server)
{
	g_autofree const char **paths = g_new0(const char *, server->jobs->len + 1);

	for (guint i = 0; i < server->jobs->len; i++)
		paths[i] = job_path(g_ptr_array_index(server->jobs, i));
	bus_manager_set_jobs(server->manager, paths);
}

/* In the job's thread: this takes its time, too. */
static gpointer job_look(gpointer user_data)
{
	struct server *server = user_data;
	g_autoptr(GError) error = NULL;
	struct machine_status *status = machine_status_get(server->machine, &error);

	if (status == NULL)
		g_warning("the properties are old: %s", error->message);
	return status;
}

static void job_ended(gpointer seen, gpointer user_data)
{
	struct machine_status *status = seen;
	struct server *server = user_data;

	if (status != NULL) {
		status_publish(server, status);
		machine_status_free(status);
	}
	caller_gate_go(server->place.gate);
	if (!server_is_busy(server) &&
	    g_atomic_int_compare_and_exchange(&server->store_later, 1, 0))
		store_methods_follow(server);
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
	job = job_start(&server->place, ++server->jobs_started, task);
	if (server->jobs->len == SERVER_JOBS_MAX)
		g_ptr_array_remove_index(server->jobs, 0);
	g_ptr_array_add(server->jobs, job);
	jobs_publish(server);
	return job_path(job);
}

/* A job that nobody asked for is no reason to refuse one that somebody asks for: it is cancelled,
 * and done when nothing else is to do. TRUE: it has not ended yet. */
static gboolean way_make(gpointer user_data)
{
	struct server *server = user_data;

	if (!server_is_busy(server) || !job_gives_way(job_newest(server)))
		return FALSE;
	job_cancel(job_newest(server));
	server_store_later(server);
	return TRUE;
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
	caller_guard(server->place.gate, manager);
	caller_guard(server->place.gate, updates);
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		g_autoptr(GDBusObjectSkeleton) object = g_dbus_object_skeleton_new(SLOT_PATHS[i]);

		g_dbus_object_skeleton_add_interface(object,
						     G_DBUS_INTERFACE_SKELETON(server->slots[i]));
		g_dbus_object_manager_server_export(server->objects, object);
	}
	g_dbus_object_manager_server_set_connection(server->objects, server->bus);
	return g_dbus_interface_skeleton_export(updates, server->bus, AZUPDATE_BUS_PATH, error) &&
	       g_dbus_interface_skeleton_export(manager, server->bus, AZUPDATE_BUS_PATH, error);
}

struct server *server_new(GDBusConnection *bus, const char *config_path, GError **error)
{
	struct server *server = g_new0(struct server, 1);

	server->bus = g_object_ref(bus);
	server->config_path = g_strdup(config_path);
	server->inflow = inflow_new(bus);
	server->objects = g_dbus_object_manager_server_new(AZUPDATE_BUS_PATH);
	server->place = (struct job_place){
		.objects = server->objects,
		.gate = caller_gate_new(bus, way_make, server),
		.end = { .look = job_look, .ended = job_ended, .user_data = server },
	};
	for (unsigned i = 0; i < SERVER_LOOK_COUNT; i++)
		server->looks[i] = batch_new(&LOOKS[i], server);
	server->workers = (struct workers){ .program = worker_program_beside(),
					    .silence_s = WORKER_SILENCE_S };
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

void server_workers_set(struct server *server, const char *sockets)
{
	g_assert(server->workers.sockets == NULL);
	server->workers.sockets = g_strdup(sockets);
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
	skeleton_free(server->manager);
	skeleton_free(server->updates);
	g_dbus_object_manager_server_set_connection(server->objects, NULL);
	caller_gate_free(server->place.gate);
	inflow_free(server->inflow);
	g_ptr_array_unref(server->jobs);
	g_object_unref(server->objects);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		g_object_unref(server->slots[i]);
	for (unsigned i = 0; i < SERVER_LOOK_COUNT; i++)
		batch_free(server->looks[i]);
	if (server->machine != NULL)
		machine_free(server->machine);
	config_free(server->config);
	g_object_unref(server->bus);
	g_free(server->workers.program);
	g_free(server->workers.sockets);
	g_free(server->config_path);
	g_free(server);
}

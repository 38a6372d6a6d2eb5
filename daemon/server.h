/* SPDX-License-Identifier: MIT */
#pragma once
/* Server: the daemon's state, and what all its objects on the bus share.
 *
 * The machine is opened at the first call that needs it, so that the daemon starts at once, and
 * so that a wrong configuration is told to who asks instead of to nobody. */

#include <gio/gio.h>

#include "caller.h"
#include "job.h"
#include "machine.h"

struct server;

/* Borrows `bus`; puts the manager and the slots on it. */
struct server *server_new(GDBusConnection *bus, const char *config_path, GError **error);
/* Before anything is asked of it: the folder of systemd's sockets for workers; NULL: none, and
 * azfetch is begun by this process. */
void server_workers_set(struct server *server, const char *sockets);
/* Only while no job runs. */
void server_free(struct server *server);

GDBusConnection *server_bus(struct server *server);
/* For a job's thread: when the job has ended, the running release is to be stored. */
void server_store_later(struct server *server);
gboolean server_is_busy(struct server *server);
/* Cancels the running job, if there is one, and calls `quiet` when none runs (any more). */
void server_stop(struct server *server, void (*quiet)(gpointer), gpointer user_data);

/* The machine and its configuration, for a job or call that may use them alone. Fails with
 * FAULT_JOB_BUSY while a job runs. */
gboolean server_machine(struct server *server, struct machine **ret_machine, GError **error);
const struct config *server_config(struct server *server);
/* The configuration alone, read if it was not yet; also while a job runs. NULL with a failure. */
const struct config *server_config_get(struct server *server, GError **error);

/* The machine for a call that takes long and is no job, in another thread; until it is given back
 * the daemon does not leave. FAULT_JOB_BUSY: it is held already. */
enum server_hold {
	SERVER_HOLD_NONE,
	SERVER_HOLD_BESIDE, /* a job may run meanwhile: only for what machine.h says may be so */
	SERVER_HOLD_ALONE,  /* nothing else may: FAULT_JOB_BUSY while a job runs, and for others */
};
gboolean server_hold(struct server *server, enum server_hold hold, struct machine **ret_machine,
		     GError **error);
void server_release(struct server *server);
/* Whether anything runs that must be brought to its end: the daemon must stay. */
gboolean server_is_needed(struct server *server);
/* Whether a caller waits for a decision. */
gboolean server_is_asked(struct server *server);

/* Reads the machine anew and changes the properties; does nothing while a job runs. */
gboolean server_refresh(struct server *server, GError **error);
/* What anyone may ask for; found in a thread, for all who ask meanwhile (batch.h). */
enum server_look {
	SERVER_LOOK_REFRESH, /* as server_refresh() */
	SERVER_LOOK_WHY,     /* what the policy would do now: updater_why() */
	SERVER_LOOK_HISTORY, /* updatestate_history() */
	SERVER_LOOK_COUNT
};
/* Answers the call. */
void server_look_for(struct server *server, enum server_look look,
		     GDBusMethodInvocation *invocation);

/* NULL with FAULT_JOB_BUSY. Takes over task->data in any case. */
const char *server_start_job(struct server *server, const struct job_task *task, GError **error);

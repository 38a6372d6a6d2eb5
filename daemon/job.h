/* SPDX-License-Identifier: MIT */
#pragma once
/* Jobs: work that takes time, done in a thread of its own and shown on the bus. */

#include <gio/gio.h>

#include "caller.h"
#include "machine.h"

struct job;

/* What a job does. `run` is called in the job's thread and owns nothing; it may set *ret_result
 * (a{sv}, floating) also when it fails. */
struct job_task {
	const char *kind;
	gboolean (*run)(struct job *job, gpointer data, GVariant **ret_result, GError **error);
	/* For who waits for the end, called in the main thread after the properties have followed;
	 * may be NULL. `error` is NULL if it was done. */
	void (*answer)(gpointer data, const GError *error);
	gpointer data;
	GDestroyNotify data_free;
	gboolean gives_way; /* nobody asked for it: it is cancelled for one that is asked for */
};

/* What is done when it has ended. */
struct job_end {
	/* In the job's thread: looks at what became of the machine. What it returns, or NULL, is
	 * taken over by `ended`. */
	gpointer (*look)(gpointer user_data);
	/* In the main thread, before Finished is sent. */
	void (*ended)(gpointer seen, gpointer user_data);
	gpointer user_data;
};

/* What jobs have in common: where they are shown, who may touch them, and their end. Borrowed. */
struct job_place {
	GDBusObjectManagerServer *objects;
	struct caller_gate *gate;
	struct job_end end;
};

/* Starts the thread and shows the job as /org/azupdate/Update1/job/NUMBER. Takes over task->data
 * in any case. Never fails. */
struct job *job_start(const struct job_place *place, unsigned number, const struct job_task *task);
/* Only after it has ended. Takes it from the bus. */
void job_free(struct job *job);

const char *job_path(const struct job *job);
gboolean job_is_running(const struct job *job);
gboolean job_gives_way(const struct job *job);
void job_cancel(struct job *job);

/* For the job's thread. */
GCancellable *job_cancellable(struct job *job);
GDBusConnection *job_bus(const struct job *job); /* the caller unrefs */
void job_progress(const struct machine_progress *progress, gpointer job);
/* What it is doing now, where nothing can be counted. Static. */
void job_step(struct job *job, const char *step);
/* When all is fetched: how much of the bundle that was in the end. */
void job_fetched(struct job *job, guint64 fetched_bytes);

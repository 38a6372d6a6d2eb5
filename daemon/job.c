/* SPDX-License-Identifier: MIT */
/* The job's thread only writes `latest`, under the lock; everything on the bus belongs to the main
 * thread, which looks at `latest` a few times in a second. So progress costs the work nothing,
 * and a fast disk does not flood the bus. */
#include "job.h"

#include "azupdate/azupdate.h"
#include "bus.h"
#include "failure.h"

enum { JOB_PROGRESS_INTERVAL_MS = 200 };

struct job {
	char *path;
	BusJob *face;
	GCancellable *cancellable;
	struct job_task task;
	GVariant *result; /* written by the thread, read after it has ended */
	guint timer;      /* 0 when the job has ended */
	const struct job_place *place;
	gpointer seen; /* written by the thread at its end */
	GMutex lock;
	struct machine_progress latest;
};

const char *job_path(const struct job *job)
{
	return job->path;
}

gboolean job_is_running(const struct job *job)
{
	return job->timer != 0;
}

gboolean job_gives_way(const struct job *job)
{
	return job->task.gives_way;
}

void job_cancel(struct job *job)
{
	g_cancellable_cancel(job->cancellable);
}

GDBusConnection *job_bus(const struct job *job)
{
	return g_dbus_object_manager_server_get_connection(job->place->objects);
}

GCancellable *job_cancellable(struct job *job)
{
	return job->cancellable;
}

void job_progress(const struct machine_progress *progress, gpointer user_data)
{
	struct job *job = user_data;

	g_mutex_lock(&job->lock);
	job->latest = *progress;
	if (progress->fetch_bytes < progress->fetched_bytes)
		job->latest.fetch_bytes = 0; /* more came than was planned: that is no total */
	g_mutex_unlock(&job->lock);
}

void job_step(struct job *job, const char *step)
{
	g_mutex_lock(&job->lock);
	job->latest.step = step;
	g_mutex_unlock(&job->lock);
}

/* The last progress told may be from before the last bytes came. */
void job_fetched(struct job *job, guint64 fetched_bytes)
{
	g_mutex_lock(&job->lock);
	job->latest.fetched_bytes = fetched_bytes;
	job->latest.fetch_bytes = fetched_bytes;
	g_mutex_unlock(&job->lock);
}

static gboolean progress_show(gpointer user_data)
{
	struct job *job = user_data;
	struct machine_progress latest;

	g_mutex_lock(&job->lock);
	latest = job->latest;
	g_mutex_unlock(&job->lock);
	if (latest.step != NULL)
		bus_job_set_step(job->face, latest.step);
	bus_job_set_done_bytes(job->face, latest.done_bytes);
	bus_job_set_total_bytes(job->face, latest.total_bytes);
	bus_job_set_fetched_bytes(job->face, latest.fetched_bytes);
	bus_job_set_fetch_bytes(job->face, latest.fetch_bytes);
	return G_SOURCE_CONTINUE;
}

static const char *state_of(fault why)
{
	if (why == FAULT_OK)
		return "done";
	return why == FAULT_CONVERGE_CANCELLED || why == FAULT_JOB_CANCELLED ? "cancelled"
									     : "failed";
}

static void job_run(GTask *task, gpointer source, gpointer user_data, GCancellable *cancellable)
{
	struct job *job = user_data;
	GVariant *result = NULL;
	GError *error = NULL;
	const gboolean done = job->task.run(job, job->task.data, &result, &error);

	if (result != NULL)
		job->result = g_variant_ref_sink(result);
	job->seen = job->place->end.look(job->place->end.user_data);
	if (done)
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

/* What the work held, for example a descriptor, is not kept for as long as the job can be seen. */
static void task_done(struct job *job)
{
	if (job->task.data_free != NULL && job->task.data != NULL)
		job->task.data_free(job->task.data);
	job->task.data = NULL;
}

static void job_finish(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct job *job = user_data;
	g_autoptr(GError) error = NULL;
	fault why = FAULT_OK;

	if (!g_task_propagate_boolean(G_TASK(outcome), &error)) {
		why = failure_code(error);
		bus_job_set_message(job->face, error->message);
	}
	progress_show(job);
	g_source_remove(job->timer);
	job->timer = 0;
	if (job->task.answer == NULL)
		task_done(job);
	if (job->result != NULL)
		bus_job_set_result(job->face, job->result);
	bus_job_set_fault(job->face, why);
	bus_job_set_state(job->face, state_of(why));
	g_message("%s: %s %s%s%s", job->path, job->task.kind, state_of(why),
		  error == NULL ? "" : ": ", error == NULL ? "" : error->message);
	job->place->end.ended(g_steal_pointer(&job->seen), job->place->end.user_data);
	g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(job->face));
	bus_job_emit_finished(job->face, why);
	if (job->task.answer != NULL)
		job->task.answer(job->task.data, error);
	task_done(job);
}

static gboolean cancel_handle(BusJob *face, GDBusMethodInvocation *invocation, gpointer user_data)
{
	struct job *job = user_data;

	job_cancel(job); /* of a job that has ended: nothing */
	bus_job_complete_cancel(face, invocation);
	return TRUE;
}

static struct job *job_new(const struct job_place *place, unsigned number,
			   const struct job_task *task)
{
	struct job *job = g_new0(struct job, 1);
	GVariantDict empty;

	g_variant_dict_init(&empty, NULL);
	g_mutex_init(&job->lock);
	job->task = *task;
	job->place = place;
	job->path = g_strdup_printf(AZUPDATE_BUS_PATH_JOB_PREFIX "%u", number);
	job->cancellable = g_cancellable_new();
	job->face = bus_job_skeleton_new();
	bus_job_set_kind(job->face, task->kind);
	bus_job_set_state(job->face, "running");
	bus_job_set_step(job->face, "");
	bus_job_set_message(job->face, "");
	bus_job_set_result(job->face, g_variant_dict_end(&empty));
	caller_guard(place->gate, G_DBUS_INTERFACE_SKELETON(job->face));
	g_signal_connect(job->face, "handle-cancel", G_CALLBACK(cancel_handle), job);
	return job;
}

struct job *job_start(const struct job_place *place, unsigned number, const struct job_task *task)
{
	struct job *job = job_new(place, number, task);
	g_autoptr(GDBusObjectSkeleton) object = g_dbus_object_skeleton_new(job->path);
	g_autoptr(GTask) thread = NULL;

	g_dbus_object_skeleton_add_interface(object, G_DBUS_INTERFACE_SKELETON(job->face));
	g_dbus_object_manager_server_export(place->objects, object);
	g_message("%s: %s started", job->path, task->kind);
	job->timer = g_timeout_add(JOB_PROGRESS_INTERVAL_MS, progress_show, job);
	thread = g_task_new(NULL, job->cancellable, job_finish, job);
	g_task_set_check_cancellable(thread, FALSE); /* the work says how it ended */
	g_task_set_task_data(thread, job, NULL);
	g_task_run_in_thread(thread, job_run);
	return job;
}

void job_free(struct job *job)
{
	g_signal_handlers_disconnect_by_data(job->face, job);
	(void)g_dbus_object_manager_server_unexport(job->place->objects, job->path);
	task_done(job);
	g_clear_pointer(&job->result, g_variant_unref);
	g_object_unref(job->face);
	g_object_unref(job->cancellable);
	g_mutex_clear(&job->lock);
	g_free(job->path);
	g_free(job);
}

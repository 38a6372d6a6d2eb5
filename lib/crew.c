/* SPDX-License-Identifier: MIT */
#include "crew.h"

struct crew {
	const struct crew_ops *ops;
	gpointer user_data;
	GThread *threads[CREW_THREADS_MAX];
	unsigned thread_count;
	GMutex mutex;   /* over all that follows */
	GCond has_jobs; /* or the end has come */
	GCond has_room; /* or less work than before, or a failure */
	GQueue jobs;
	GQueue urgent; /* jobs that are taken first */
	unsigned busy; /* jobs being done */
	gboolean closed;
	GError *failure; /* of the job that failed first */
	gpointer own;    /* the worker of the caller's thread, where there is no other */
};

unsigned crew_threads(void)
{
	return MIN(2 * g_get_num_processors(), CREW_THREADS_MAX);
}

static unsigned waiting_count(const struct crew *crew)
{
	return crew->urgent.length + crew->jobs.length;
}

static gpointer waiting_pop(struct crew *crew)
{
	return g_queue_pop_head(crew->urgent.length > 0 ? &crew->urgent : &crew->jobs);
}

/* The next job, or NULL at the end. */
static gpointer job_take(struct crew *crew)
{
	gpointer job;

	g_mutex_lock(&crew->mutex);
	while (waiting_count(crew) == 0 && !crew->closed)
		g_cond_wait(&crew->has_jobs, &crew->mutex);
	job = waiting_pop(crew);
	if (job != NULL)
		crew->busy++;
	g_cond_broadcast(&crew->has_room);
	g_mutex_unlock(&crew->mutex);
	return job;
}

static void jobs_drop(struct crew *crew)
{
	gpointer job;

	while ((job = waiting_pop(crew)) != NULL)
		crew->ops->job_free(job);
}

static void job_finish(struct crew *crew, gpointer job, GError *error)
{
	crew->ops->job_free(job);
	g_mutex_lock(&crew->mutex);
	crew->busy--;
	if (error != NULL)
		jobs_drop(crew);
	if (crew->failure == NULL)
		crew->failure = g_steal_pointer(&error);
	g_clear_error(&error);
	g_cond_broadcast(&crew->has_room);
	g_mutex_unlock(&crew->mutex);
}

static gpointer thread_run(gpointer data)
{
	struct crew *crew = data;
	gpointer worker = crew->ops->worker_new(crew->user_data);
	gpointer job;

	while ((job = job_take(crew)) != NULL) {
		GError *error = NULL;

		(void)crew->ops->work(worker, job, &error); /* the error says it */
		job_finish(crew, job, error);
	}
	crew->ops->worker_free(worker);
	return NULL;
}

struct crew *crew_new(unsigned threads, const struct crew_ops *ops, gpointer user_data)
{
	struct crew *crew = g_new0(struct crew, 1);

	crew->ops = ops;
	crew->user_data = user_data;
	g_mutex_init(&crew->mutex);
	g_cond_init(&crew->has_jobs);
	g_cond_init(&crew->has_room);
	g_queue_init(&crew->jobs);
	g_queue_init(&crew->urgent);
	crew->thread_count = MIN(threads, CREW_THREADS_MAX);
	if (crew->thread_count == 0)
		crew->own = ops->worker_new(user_data);
	for (unsigned i = 0; i < crew->thread_count; i++)
		crew->threads[i] = g_thread_new("crew", thread_run, crew);
	return crew;
}

void crew_free(struct crew *crew)
{
	if (crew == NULL)
		return;
	g_mutex_lock(&crew->mutex);
	crew->closed = TRUE;
	jobs_drop(crew);
	g_cond_broadcast(&crew->has_jobs);
	g_mutex_unlock(&crew->mutex);
	for (unsigned i = 0; i < crew->thread_count; i++)
		g_thread_join(crew->threads[i]);
	if (crew->own != NULL)
		crew->ops->worker_free(crew->own);
	g_clear_error(&crew->failure);
	g_cond_clear(&crew->has_room);
	g_cond_clear(&crew->has_jobs);
	g_mutex_clear(&crew->mutex);
	g_free(crew);
}

static gboolean failure_tell(const struct crew *crew, GError **error)
{
	if (crew->failure == NULL)
		return TRUE;
	g_propagate_error(error, g_error_copy(crew->failure));
	return FALSE;
}

static gboolean job_do_here(struct crew *crew, gpointer job, GError **error)
{
	const gboolean done = crew->ops->work(crew->own, job, error);

	crew->ops->job_free(job);
	return done;
}

static gboolean queue_push(struct crew *crew, GQueue *queue, gpointer job, GError **error)
{
	gboolean done;

	if (crew->own != NULL)
		return job_do_here(crew, job, error);
	g_mutex_lock(&crew->mutex);
	while (queue->length >= crew->thread_count * CREW_QUEUE_PER_THREAD && crew->failure == NULL)
		g_cond_wait(&crew->has_room, &crew->mutex);
	done = failure_tell(crew, error);
	if (done) {
		g_queue_push_tail(queue, job);
		g_cond_signal(&crew->has_jobs);
	}
	g_mutex_unlock(&crew->mutex);
	if (!done)
		crew->ops->job_free(job);
	return done;
}

gboolean crew_push(struct crew *crew, gpointer job, GError **error)
{
	return queue_push(crew, &crew->jobs, job, error);
}

gboolean crew_push_urgent(struct crew *crew, gpointer job, GError **error)
{
	return queue_push(crew, &crew->urgent, job, error);
}

gboolean crew_drain(struct crew *crew, GError **error)
{
	gboolean done;

	g_mutex_lock(&crew->mutex);
	while (waiting_count(crew) > 0 || crew->busy > 0)
		g_cond_wait(&crew->has_room, &crew->mutex);
	done = failure_tell(crew, error);
	g_mutex_unlock(&crew->mutex);
	return done;
}

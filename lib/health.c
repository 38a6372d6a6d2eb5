/* SPDX-License-Identifier: MIT */
/* Checks run side by side, so that one that waits for its timeout does not hold up the others;
 * the runs of one check follow each other in one thread, which alone writes that check's result. */
#include "health.h"

#include <signal.h>
#include <string.h>

#include "failure.h"
#include "healthexec.h"
#include "healthlist.h"

enum {
	HEALTH_SIDE_BY_SIDE = 4,
	HEALTH_RETRY_PAUSE_MS = 500, /* what failed a moment ago mostly needs a moment */
};

struct health_work {
	const struct health_options *options;
	GCancellable *cancellable;
};

struct health_task {
	const struct healthlist_entry *entry;
	struct health_check *check;
	struct healthexec_result last;
};

static void check_free(gpointer data)
{
	struct health_check *check = data;

	g_free(check->name);
	g_free(check->output);
	g_free(check);
}

static void task_free(gpointer data)
{
	struct health_task *task = data;

	g_free(task->last.output);
	g_free(task);
}

static char **environment_new(const struct health_task *task, unsigned timeout_s)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_autofree char *name = g_strdup_printf("AZUPDATE_CHECK=%s", task->entry->name);
	g_autofree char *run = g_strdup_printf("AZUPDATE_RUN=%u", task->check->runs);
	g_autofree char *timeout = g_strdup_printf("AZUPDATE_TIMEOUT=%u", timeout_s);

	g_strv_builder_add_many(
		builder, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C", task->entry->required ? "AZUPDATE_KIND=required" : "AZUPDATE_KIND=wanted",
		name, run, timeout, NULL);
	return g_strv_builder_end(builder);
}

static fault fault_of(const struct healthexec_result *last)
{
	switch (last->end) {
	case HEALTHEXEC_EXITED:
		return last->number == 0 ? FAULT_OK : FAULT_HEALTH_REQUIRED;
	case HEALTHEXEC_KILLED:
		return FAULT_HEALTH_REQUIRED;
	case HEALTHEXEC_TIMEOUT:
	case HEALTHEXEC_CANCELLED:
		return FAULT_HEALTH_TIMEOUT;
	case HEALTHEXEC_NOT_STARTED:
		return FAULT_HEALTH_RUN;
	}
	g_assert_not_reached();
}

/* FALSE when another run is of no use. */
static gboolean task_run_once(struct health_task *task, const struct health_work *work)
{
	struct health_check *check = task->check;
	g_auto(GStrv) environment = NULL;

	check->runs++;
	environment = environment_new(task, work->options->timeout_s);
	g_clear_pointer(&task->last.output, g_free);
	healthexec_run(task->entry->path, environment, work->options->timeout_s, work->cancellable,
		       &task->last);
	check->why = fault_of(&task->last);
	check->passed = check->why == FAULT_OK;
	return !check->passed && task->last.end != HEALTHEXEC_NOT_STARTED;
}

static void pause_unless_cancelled(GCancellable *cancellable)
{
	GPollFD poll;

	if (!g_cancellable_make_pollfd(cancellable, &poll)) {
		g_usleep(HEALTH_RETRY_PAUSE_MS * 1000);
		return;
	}
	g_poll(&poll, 1, HEALTH_RETRY_PAUSE_MS);
	g_cancellable_release_fd(cancellable);
}

static void task_run(gpointer data, gpointer user_data)
{
	struct health_task *task = data;
	struct health_check *check = task->check;
	const struct health_work *work = user_data;
	const gint64 start_us = g_get_monotonic_time();

	while (!g_cancellable_is_cancelled(work->cancellable) && task_run_once(task, work) &&
	       check->runs <= work->options->retries)
		pause_unless_cancelled(work->cancellable);
	check->duration_ms = (unsigned)((g_get_monotonic_time() - start_us) / 1000);
	check->exit_status = task->last.end == HEALTHEXEC_EXITED ? task->last.number : -1;
	check->output = g_strdup(task->last.output == NULL ? "" : task->last.output);
}

static GPtrArray *tasks_new(GPtrArray *entries, struct health_result *result)
{
	GPtrArray *tasks = g_ptr_array_new_with_free_func(task_free);

	for (guint i = 0; i < entries->len; i++) {
		struct health_task *task = g_new0(struct health_task, 1);

		task->entry = g_ptr_array_index(entries, i);
		task->check = g_new0(struct health_check, 1);
		task->check->name = g_strdup(task->entry->name);
		task->check->required = task->entry->required;
		g_ptr_array_add(result->checks, task->check);
		g_ptr_array_add(tasks, task);
	}
	return tasks;
}

static gboolean tasks_run(GPtrArray *tasks, struct health_work *work, GError **error)
{
	GThreadPool *pool = g_thread_pool_new(task_run, work, HEALTH_SIDE_BY_SIDE, FALSE, NULL);

	/* A thread that cannot be made now leaves its task in the queue of the others; with no
	 * thread at all the pool aborts, as GLib does when it is out of memory. */
	for (guint i = 0; i < tasks->len; i++)
		g_thread_pool_push(pool, g_ptr_array_index(tasks, i), NULL);
	g_thread_pool_free(pool, FALSE, TRUE);
	if (g_cancellable_is_cancelled(work->cancellable))
		return failure_set(error, FAULT_JOB_CANCELLED, "the health checks were cancelled");
	return TRUE;
}

static char *reason_of(const struct health_task *task, unsigned timeout_s)
{
	const char *name = task->check->name;
	const int number = task->last.number;

	switch (task->last.end) {
	case HEALTHEXEC_EXITED:
		return g_strdup_printf("check \"%s\" failed: exit status %d", name, number);
	case HEALTHEXEC_KILLED:
		return g_strdup_printf("check \"%s\" was killed by signal %d (%s)", name, number,
				       strsignal(number));
	case HEALTHEXEC_TIMEOUT:
	case HEALTHEXEC_CANCELLED:
		return g_strdup_printf("check \"%s\" did not end within %u s", name, timeout_s);
	case HEALTHEXEC_NOT_STARTED:
		return g_strdup_printf("check \"%s\" could not be started: %s", name,
				       g_strerror(number));
	}
	g_assert_not_reached();
}

static void result_conclude(struct health_result *result, GPtrArray *tasks, unsigned timeout_s)
{
	result->healthy = TRUE;
	for (guint i = 0; i < tasks->len && result->healthy; i++) {
		const struct health_task *task = g_ptr_array_index(tasks, i);

		if (!task->check->required || task->check->passed)
			continue;
		result->healthy = FALSE;
		result->why = task->check->why;
		result->reason = reason_of(task, timeout_s);
	}
	if (result->healthy)
		result->reason = g_strdup("no required check failed");
}

struct health_result *health_run(const struct health_options *options, GCancellable *cancellable,
				 GError **error)
{
	g_autoptr(GPtrArray) entries = healthlist_find(options, error);
	struct health_work work = { .options = options, .cancellable = cancellable };
	g_autoptr(HealthResult) result = NULL;
	g_autoptr(GPtrArray) tasks = NULL;

	if (entries == NULL)
		return NULL;
	result = g_new0(struct health_result, 1);
	result->checks = g_ptr_array_new_with_free_func(check_free);
	tasks = tasks_new(entries, result);
	if (!tasks_run(tasks, &work, error))
		return NULL;
	result_conclude(result, tasks, options->timeout_s);
	return g_steal_pointer(&result);
}

void health_result_free(struct health_result *result)
{
	if (result == NULL)
		return;
	g_ptr_array_unref(result->checks);
	g_free(result->reason);
	g_free(result);
}

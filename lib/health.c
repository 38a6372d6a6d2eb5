/* SPDX-License-Identifier: MIT */
/* Checks run side by side, so that one that waits for its timeout does not hold up the others;
 * the runs of one check follow each other in one thread, which alone writes that check's result.
 * greenboot's run one after the other, as they expect it: in one thread, too. Units wait more than
 * they work: each has its thread. */
#include "health.h"

#include <string.h>

#include "failure.h"
#include "healthbuiltin.h"
#include "healthlist.h"
#include "healthoutcome.h"
#include "healthprogram.h"
#include "healthunit.h"

enum {
	PAUSE_MS = 500, /* what failed a moment ago mostly needs a moment */
	UNITS_SIDE_BY_SIDE = 128,
};

struct health_work {
	const struct health_options *options;
	GCancellable *cancellable;
};

struct health_task {
	const struct healthlist_entry *entry;
	struct health_check *check;
	struct health_task *after; /* of greenboot's: what comes next */
};

static const healthoutcome_run RUNNERS[HEALTH_SOURCE_COUNT] = {
	[HEALTH_FOLDER] = healthprogram_run,
	[HEALTH_GREENBOOT] = healthprogram_run,
	[HEALTH_UNIT] = healthunit_run,
	[HEALTH_BUILTIN] = healthbuiltin_run,
};

static const char *const SOURCE_NAMES[HEALTH_SOURCE_COUNT] = {
	[HEALTH_FOLDER] = "program",
	[HEALTH_GREENBOOT] = "greenboot",
	[HEALTH_UNIT] = "unit",
	[HEALTH_BUILTIN] = "builtin",
};

const char *health_source_name(enum health_source source)
{
	return SOURCE_NAMES[source];
}

static void check_free(gpointer data)
{
	struct health_check *check = data;

	g_free(check->name);
	g_free(check->output);
	g_free(check->reason);
	g_free(check);
}

/* FALSE when another run is of no use. */
static gboolean task_run_once(struct health_task *task, const struct health_work *work)
{
	struct health_check *check = task->check;
	struct healthoutcome outcome = { .exit_status = -1 };

	check->runs++;
	RUNNERS[task->entry->source](task->entry, work->options, check->runs, work->cancellable,
				     &outcome);
	check->why = outcome.why;
	check->passed = outcome.why == FAULT_OK;
	check->exit_status = outcome.exit_status;
	g_free(check->output);
	g_free(check->reason);
	check->output = outcome.output != NULL ? outcome.output : g_strdup("");
	check->reason = outcome.reason != NULL ? outcome.reason : g_strdup("");
	return !check->passed && !outcome.is_final;
}

static void pause_unless_cancelled(const struct health_work *work, unsigned time_ms)
{
	GPollFD poll;

	if (!g_cancellable_make_pollfd(work->cancellable, &poll)) {
		g_usleep((gulong)time_ms * 1000);
		return;
	}
	g_poll(&poll, 1, (gint)time_ms);
	g_cancellable_release_fd(work->cancellable);
}

static gboolean is_cancelled(const struct health_work *work)
{
	return g_cancellable_is_cancelled(work->cancellable);
}

static void task_try(struct health_task *task, const struct health_work *work)
{
	const unsigned pause_ms = work->options->pause_ms != 0 ? work->options->pause_ms : PAUSE_MS;
	unsigned tries = 1 + work->options->retries;

	while (!is_cancelled(work) && task_run_once(task, work) && --tries > 0)
		pause_unless_cancelled(work, pause_ms);
}

static void task_run(struct health_task *task, const struct health_work *work)
{
	struct health_check *check = task->check;
	const gint64 start_us = g_get_monotonic_time();

	task_try(task, work);
	if (check->passed && work->options->soak_s > 0 && check->source != HEALTH_UNIT) {
		pause_unless_cancelled(work, work->options->soak_s * 1000);
		task_try(task, work);
	}
	check->duration_ms = (unsigned)((g_get_monotonic_time() - start_us) / 1000);
}

static void chain_run(gpointer data, gpointer user_data)
{
	for (struct health_task *task = data; task != NULL; task = task->after) {
		task_run(task, user_data);
		if (task->check->required && !task->check->passed)
			break;
	}
}

static struct health_task *task_new(const struct healthlist_entry *entry,
				    struct health_result *result)
{
	struct health_task *task = g_new0(struct health_task, 1);

	task->entry = entry;
	task->check = g_new0(struct health_check, 1);
	task->check->name = g_strdup(entry->name);
	task->check->source = entry->source;
	task->check->required = entry->required;
	task->check->exit_status = -1;
	task->check->output = g_strdup("");
	task->check->reason = g_strdup("");
	g_ptr_array_add(result->checks, task->check);
	return task;
}

static GPtrArray *tasks_new(GPtrArray *entries, struct health_result *result)
{
	GPtrArray *tasks = g_ptr_array_new_with_free_func(g_free);
	struct health_task *before = NULL;

	for (guint i = 0; i < entries->len; i++) {
		struct health_task *task = task_new(g_ptr_array_index(entries, i), result);

		g_ptr_array_add(tasks, task);
		if (task->entry->source != HEALTH_GREENBOOT)
			continue;
		if (before != NULL)
			before->after = task;
		before = task;
	}
	return tasks;
}

/* A thread that cannot be made now leaves its task in the queue of the others; with no thread at
 * all the pool aborts, as GLib does when it is out of memory. */
static gboolean tasks_run(GPtrArray *tasks, struct health_work *work, GError **error)
{
	const unsigned parallel = work->options->parallel != 0 ? work->options->parallel
							       : HEALTH_PARALLEL;
	GThreadPool *programs = g_thread_pool_new(chain_run, work, (gint)parallel, FALSE, NULL);
	GThreadPool *units = g_thread_pool_new(chain_run, work, UNITS_SIDE_BY_SIDE, FALSE, NULL);
	gboolean in_chain = FALSE;

	for (guint i = 0; i < tasks->len; i++) {
		struct health_task *task = g_ptr_array_index(tasks, i);
		const enum health_source source = task->entry->source;

		if (source == HEALTH_GREENBOOT && in_chain)
			continue; /* the first one leads to it */
		in_chain |= source == HEALTH_GREENBOOT;
		g_thread_pool_push(source == HEALTH_UNIT ? units : programs, task, NULL);
	}
	g_thread_pool_free(programs, FALSE, TRUE);
	g_thread_pool_free(units, FALSE, TRUE);
	if (g_cancellable_is_cancelled(work->cancellable))
		return failure_set(error, FAULT_JOB_CANCELLED, "the health checks were cancelled");
	return TRUE;
}

/* What greenboot did not come to is no result. */
static void result_conclude(struct health_result *result)
{
	for (guint i = result->checks->len; i > 0; i--) {
		const struct health_check *check = g_ptr_array_index(result->checks, i - 1);

		if (check->runs == 0)
			g_ptr_array_remove_index(result->checks, i - 1);
	}
	result->healthy = TRUE;
	for (guint i = 0; i < result->checks->len && result->healthy; i++) {
		const struct health_check *check = g_ptr_array_index(result->checks, i);

		if (!check->required || check->passed)
			continue;
		result->healthy = FALSE;
		result->why = check->why;
		result->reason = g_strdup_printf("check \"%s\" %s", check->name, check->reason);
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
	result_conclude(result);
	return g_steal_pointer(&result);
}

static gboolean has_failed(const struct health_result *result, fault why)
{
	for (guint i = 0; i < result->checks->len; i++) {
		const struct health_check *check = result->checks->pdata[i];

		if (check->required && !check->passed && check->why == why)
			return TRUE;
	}
	return FALSE;
}

gboolean health_is_of_machine(const struct health_result *result)
{
	return has_failed(result, FAULT_HEALTH_ETC) && !has_failed(result, FAULT_HEALTH_ROOT);
}

void health_result_free(struct health_result *result)
{
	if (result == NULL)
		return;
	g_ptr_array_unref(result->checks);
	g_free(result->reason);
	g_free(result);
}

/* SPDX-License-Identifier: MIT */
#include "batch.h"

struct batch {
	const struct batch_kind *kind;
	gpointer user_data;
	GPtrArray *waiting; /* of calls, for the next look */
	GPtrArray *asking;  /* for the one under way; NULL: there is none */
	guint timer;        /* until the next one may begin; 0: none */
	gint64 begun_us;
};

static void look_begin(struct batch *batch);

gboolean batch_is_busy(const struct batch *batch)
{
	return batch->asking != NULL || batch->waiting->len > 0;
}

static void look_run(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const struct batch *batch = data;
	GError *error = NULL;
	gpointer result = batch->kind->look(batch->user_data, &error);

	if (result != NULL)
		g_task_return_pointer(task, result, batch->kind->result_free);
	else
		g_task_return_error(task, error);
}

static void answer(struct batch *batch, gpointer result, const GError *error)
{
	g_autoptr(GPtrArray) asking = g_steal_pointer(&batch->asking);

	for (guint i = 0; i < asking->len; i++) {
		GDBusMethodInvocation *invocation = g_ptr_array_index(asking, i);

		if (result == NULL)
			g_dbus_method_invocation_return_gerror(invocation, error);
		else
			g_dbus_method_invocation_return_value(invocation,
							      batch->kind->reply(result));
	}
}

static void look_end(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct batch *batch = user_data;
	g_autoptr(GError) error = NULL;
	gpointer result = g_task_propagate_pointer(G_TASK(outcome), &error);

	if (result != NULL && batch->kind->seen != NULL)
		batch->kind->seen(result, batch->user_data);
	answer(batch, result, error);
	if (result != NULL)
		batch->kind->result_free(result);
	if (batch->waiting->len > 0)
		look_begin(batch);
	else
		batch->kind->quiet(batch->user_data);
}

static gboolean look_now(gpointer user_data)
{
	struct batch *batch = user_data;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, look_end, batch);
	GError *error = NULL;

	batch->timer = 0;
	batch->asking = g_steal_pointer(&batch->waiting);
	batch->waiting = g_ptr_array_new();
	batch->begun_us = g_get_monotonic_time();
	g_task_set_task_data(task, batch, NULL);
	if (batch->kind->begin(batch->user_data, &error))
		g_task_run_in_thread(task, look_run);
	else
		g_task_return_error(task, error);
	return G_SOURCE_REMOVE;
}

static void look_begin(struct batch *batch)
{
	const gint64 next_us = batch->begun_us + (gint64)BATCH_INTERVAL_MS * 1000;
	const gint64 now_us = g_get_monotonic_time();

	if (batch->begun_us == 0 || now_us >= next_us)
		look_now(batch);
	else
		batch->timer = g_timeout_add((guint)((next_us - now_us) / 1000 + 1), look_now,
					     batch);
}

void batch_ask(struct batch *batch, GDBusMethodInvocation *invocation)
{
	g_ptr_array_add(batch->waiting, invocation);
	if (batch->asking == NULL && batch->timer == 0)
		look_begin(batch);
}

struct batch *batch_new(const struct batch_kind *kind, gpointer user_data)
{
	struct batch *batch = g_new0(struct batch, 1);

	batch->kind = kind;
	batch->user_data = user_data;
	batch->waiting = g_ptr_array_new();
	return batch;
}

void batch_free(struct batch *batch)
{
	if (batch == NULL)
		return;
	g_assert(!batch_is_busy(batch));
	g_ptr_array_unref(batch->waiting);
	g_free(batch);
}

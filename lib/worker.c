/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "failure.h"
#include "workerlink.h"

enum {
	WAIT_MS = 100,     /* a cancel is noticed within this */
	EVENTS_FIRST = 64, /* in one call ... */
	EVENTS_PER_S = 16, /* ... and for each second of it; more is a flood */
};

struct worker {
	const struct workers *workers;
	const char *name; /* its kind, for messages */
	GCancellable *cancellable;
	fault cancelled;
	struct workerlink link;
	gboolean is_ready;
};

static const char *const KIND_NAMES[] = { [WORKER_NET] = "net", [WORKER_DECODE] = "decode" };

char *worker_program_beside(void)
{
	g_autofree char *own = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = g_path_get_dirname(own != NULL ? own : "/");

	return g_build_filename(folder, "azfetch", NULL);
}

struct worker *worker_new(const struct workers *workers, enum worker_kind kind,
			  GCancellable *cancellable, fault cancelled, GError **error)
{
	g_autoptr(Worker) worker = g_new0(struct worker, 1);
	gboolean begun;

	worker->workers = workers;
	worker->name = KIND_NAMES[kind];
	worker->cancelled = cancelled;
	worker->link = WORKERLINK_NONE;
	worker->cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	begun = workers->sockets != NULL
			? workerlink_connect(&worker->link, workers->sockets, worker->name, error)
			: workerlink_spawn(&worker->link, workers->program, worker->name, error);
	return begun ? g_steal_pointer(&worker) : NULL;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	(void)workerlink_end(&worker->link, TRUE); /* how it ends is of no interest any more */
	g_clear_object(&worker->cancellable);
	g_free(worker);
}

gboolean worker_lied(struct worker *worker, const char *what, GError **error)
{
	(void)workerlink_end(&worker->link, TRUE); /* as above */
	return failure_set(error, FAULT_WORKER_ANSWER, "the %s worker %s", worker->name, what);
}

static gboolean worker_died(struct worker *worker, GError **error)
{
	const int status = workerlink_end(&worker->link, FALSE);

	if (status == WORKERLINK_END_UNKNOWN)
		return failure_set(
			error, FAULT_WORKER_DIED,
			"the %s worker has ended: see the journal of azfetch-%s@*.service",
			worker->name, worker->name);
	if (WIFSIGNALED(status))
		return failure_set(error, FAULT_WORKER_DIED,
				   "the %s worker was ended by signal %d%s", worker->name,
				   WTERMSIG(status),
				   WTERMSIG(status) == SIGSYS ? ": it did what it may not" : "");
	return failure_set(error, FAULT_WORKER_DIED, "the %s worker ended with status %d",
			   worker->name, WEXITSTATUS(status));
}

gboolean worker_reply(struct worker *worker, enum workerwire_kind kind)
{
	const struct workerwire_message message = { .kind = kind };

	return worker->link.socket >= 0 && workerwire_send(worker->link.socket, &message, NULL);
}

gboolean worker_is_to_blame(const GError *error)
{
	const fault why = failure_code(error);

	return why == FAULT_WORKER_DIED || why == FAULT_WORKER_SILENT || why == FAULT_WORKER_ANSWER;
}

/* One call, as far as it has come. */
struct calling {
	struct worker *worker;
	struct worker_call *call;
	gint64 begin_us;
	gint64 heard_us; /* when the worker last said something */
	unsigned events;
	gboolean is_done;
};

static gboolean silence_check(const struct calling *calling, GError **error)
{
	const struct worker *worker = calling->worker;
	const unsigned patience_s = MAX(worker->workers->silence_s, calling->call->patience_s);
	const gint64 silent_us = g_get_monotonic_time() - calling->heard_us;

	if (silent_us < (gint64)patience_s * G_USEC_PER_SEC)
		return TRUE;
	(void)workerlink_end(&calling->worker->link, TRUE); /* it hangs */
	return failure_set(error, FAULT_WORKER_SILENT, "the %s worker says nothing for %u s",
			   worker->name, patience_s);
}

static gboolean failed_take(struct calling *calling, const struct workerwire_message *message,
			    GError **error)
{
	g_autofree char *text = workerwire_text(message);

	for (const fault *known = calling->call->faults; *known != FAULT_OK; known++)
		if (*known == (fault)message->code) {
			calling->call->message = *message;
			return failure_set(error, *known, "%s", text);
		}
	if (!calling->worker->is_ready && message->code == FAULT_WORKER_CONFINE)
		return failure_set(error, FAULT_WORKER_CONFINE, "%s", text);
	return worker_lied(calling->worker, "fails with what cannot be", error);
}

static gboolean ready_take(struct calling *calling, const struct workerwire_message *message,
			   GError **error)
{
	if (calling->worker->is_ready)
		return worker_lied(calling->worker, "is ready twice", error);
	calling->worker->is_ready = TRUE;
	g_debug("%s worker: bound by %#" G_GINT64_MODIFIER "x", calling->worker->name,
		(guint64)message->numbers[0]);
	return TRUE;
}

static gboolean event_take(struct calling *calling, const struct workerwire_message *message,
			   GError **error)
{
	const gint64 since_us = calling->heard_us - calling->begin_us;

	if (calling->events++ > EVENTS_FIRST + since_us * EVENTS_PER_S / G_USEC_PER_SEC)
		return worker_lied(calling->worker, "floods", error);
	if (message->kind == WORKERWIRE_ALIVE)
		return TRUE;
	return (calling->call->event != NULL &&
		calling->call->event(calling->call->user_data, message)) ||
	       worker_lied(calling->worker, "says what nobody asked", error);
}

static gboolean message_take(struct calling *calling, const struct workerwire_message *message,
			     GError **error)
{
	calling->heard_us = g_get_monotonic_time();
	if (message->kind == WORKERWIRE_READY)
		return ready_take(calling, message, error);
	if (message->kind == WORKERWIRE_FAILED)
		return failed_take(calling, message, error);
	if (!calling->worker->is_ready)
		return worker_lied(calling->worker, "is not confined", error);
	if (message->kind != WORKERWIRE_DONE)
		return event_take(calling, message, error);
	calling->call->message = *message;
	calling->is_done = TRUE;
	return TRUE;
}

static gboolean calling_step(struct calling *calling, GError **error)
{
	struct worker *worker = calling->worker;
	struct workerwire_message message;

	if (g_cancellable_is_cancelled(worker->cancellable)) {
		(void)workerlink_end(&worker->link,
				     TRUE); /* in the middle of a call it is of no use */
		return failure_set(error, worker->cancelled, "the job was cancelled");
	}
	switch (workerlink_receive(&worker->link, WAIT_MS, &message)) {
	case WORKERWIRE_GOT:
		return message_take(calling, &message, error);
	case WORKERWIRE_NOTHING:
		return silence_check(calling, error);
	case WORKERWIRE_GONE:
		return worker_died(worker, error);
	case WORKERWIRE_FOREIGN:
		break;
	}
	return worker_lied(worker, "does not speak our language", error);
}

/* The call could not be sent: the worker has gone, and may have said why before. */
static gboolean last_words_take(struct calling *calling, GError **error)
{
	if (errno != EPIPE && errno != ECONNRESET)
		return worker_died(calling->worker, error);
	while (!calling->is_done)
		if (!calling_step(calling, error))
			return FALSE;
	return worker_lied(calling->worker, "answers what it was not asked", error);
}

gboolean worker_call(struct worker *worker, struct worker_call *call, GError **error)
{
	struct calling calling = { .worker = worker, .call = call };

	calling.begin_us = calling.heard_us = g_get_monotonic_time();
	if (worker->link.socket < 0)
		return failure_set(error, FAULT_WORKER_DIED, "the %s worker has ended before",
				   worker->name);
	if (!workerwire_send(worker->link.socket, &call->message, &call->fds))
		return last_words_take(&calling, error);
	while (!calling.is_done)
		if (!calling_step(&calling, error))
			return FALSE;
	return TRUE;
}

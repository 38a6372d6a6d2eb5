/* SPDX-License-Identifier: MIT */
#include "store_methods.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"
#include "failure.h"
#include "result.h"
#include "transition.h"
#include "version.h"

typedef gboolean (*store_func)(struct machine *machine, const struct machine_install *options,
			       struct machine_stored *ret_stored, GError **error);

struct store_work {
	struct server *server;
	struct machine *machine;
	store_func function;
	char *version; /* to restore, or NULL */
	gboolean force;
	gboolean activate;
	gboolean etc;      /* with the /etc of that time */
	gboolean keep_etc; /* with that of now, whatever the configuration says */
};

static void work_free(gpointer data)
{
	struct store_work *work = data;

	g_free(work->version);
	g_free(work);
}

/* A call in a thread of its own: what it takes of the machine's time is given up with it, which a
 * thread of the pool, without further rights, could not take back. */
struct calm_call {
	const struct store_work *work;
	const struct machine_install *options;
	struct machine_stored *stored;
	GError **error;
};

static gpointer calm_thread(gpointer data)
{
	enum { NICE_MOST = 19, IOPRIO_WHO_PROCESS = 1, IOPRIO_IDLE = 3 << 13 };
	const struct calm_call *call = data;

	/* Only manners: it works without them, too. 0 is this thread. */
	(void)setpriority(PRIO_PROCESS, 0, NICE_MOST);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
	return GINT_TO_POINTER(call->work->function(call->work->machine, call->options,
						    call->stored, call->error));
}

static gboolean store_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct store_work *work = data;
	const struct machine_install options = {
		.fd = -1,
		.progress = job_progress,
		.user_data = job,
		.cancellable = job_cancellable(job),
	};
	struct machine_stored stored;
	struct calm_call call = { work, &options, &stored, error };

	if (g_thread_join(g_thread_new("store", calm_thread, &call)) == NULL)
		return FALSE;
	*ret_result = result_stored(&stored);
	machine_stored_clear(&stored);
	return TRUE;
}

static gboolean restore_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct store_work *work = data;
	const struct transition transition = {
		.config = server_config(work->server),
		.machine = work->machine,
		.job = job,
		.by = "by hand",
		.rollback = TRUE,
		.etc = work->etc        ? ETCSTEP_RESTORE
		       : work->keep_etc ? ETCSTEP_KEEP
					: ETCSTEP_CONFIGURED,
	};
	const struct transition_stage stage = {
		.options = {
			.fd = -1,
			.stored = work->version,
			.force = work->force,
			.progress = job_progress,
			.user_data = job,
			.cancellable = job_cancellable(job),
		},
	};
	struct machine_installed installed = { .slot = SLOT_NONE };
	gboolean changed;

	if (!transition_stage(&transition, &stage, &installed, error))
		return FALSE;
	if (work->activate && !transition_activate(&transition, installed.slot, &changed, error)) {
		machine_installed_clear(&installed);
		return FALSE;
	}
	*ret_result = result_installed(&installed);
	machine_installed_clear(&installed);
	return TRUE;
}

static const struct job_task ADD = { .kind = "store-add", .run = store_run };
static const struct job_task FOLLOW = { .kind = "store-add", .run = store_run, .gives_way = TRUE };
static const struct job_task PRUNE = { .kind = "store-prune", .run = store_run };
static const struct job_task CHECK = { .kind = "store-check", .run = store_run };
static const struct job_task RESTORE = { .kind = "restore", .run = restore_run };

/* Takes over `work`; NULL with a failure. */
static const char *work_start(struct store_work *work, const struct job_task *kind, GError **error)
{
	struct job_task task = *kind;

	task.data = work;
	task.data_free = work_free;
	if (!server_machine(work->server, &work->machine, error)) {
		work_free(work);
		return NULL;
	}
	return server_start_job(work->server, &task, error);
}

static struct store_work *work_new(struct server *server, store_func function)
{
	struct store_work *work = g_new0(struct store_work, 1);

	work->server = server;
	work->function = function;
	work->activate = TRUE;
	return work;
}

static gboolean work_answer(GDBusMethodInvocation *invocation, struct store_work *work,
			    const struct job_task *kind)
{
	GError *error = NULL;
	const char *path;

	call_log(invocation, work->version != NULL ? work->version : "");
	path = work_start(work, kind, &error);
	if (path == NULL)
		return call_fail(invocation, error);
	g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", path));
	return TRUE;
}

static gboolean add_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			   gpointer user_data)
{
	return work_answer(invocation, work_new(user_data, machine_store_add), &ADD);
}

static gboolean prune_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			     gpointer user_data)
{
	return work_answer(invocation, work_new(user_data, machine_store_prune), &PRUNE);
}

static gboolean check_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			     gpointer user_data)
{
	return work_answer(invocation, work_new(user_data, machine_store_check), &CHECK);
}

static gboolean options_take(GVariant *given, struct store_work *work, GError **error)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;

	g_variant_iter_init(&iter, given);
	while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;
		gboolean *option = strcmp(name, "force") == 0      ? &work->force
				   : strcmp(name, "activate") == 0 ? &work->activate
				   : strcmp(name, "etc") == 0      ? &work->etc
				   : strcmp(name, "keep_etc") == 0 ? &work->keep_etc
								   : NULL;

		if (option == NULL)
			return failure_set(error, FAULT_ARGUMENT, "there is no option \"%.32s\"",
					   name);
		if (!g_variant_is_of_type(owned, G_VARIANT_TYPE_BOOLEAN))
			return failure_set(error, FAULT_ARGUMENT, "option %s has type %s, not b",
					   name, g_variant_get_type_string(owned));
		*option = g_variant_get_boolean(owned);
	}
	return TRUE;
}

static gboolean restore_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			       const char *version, GVariant *options, gpointer user_data)
{
	struct store_work *work = work_new(user_data, NULL);
	GError *error = NULL;

	if (!options_take(options, work, &error)) {
		work_free(work);
		return call_fail(invocation, error);
	}
	work->version = g_strndup(version, VERSION_SIZE_MAX + 1); /* a longer one is none */
	return work_answer(invocation, work, &RESTORE);
}

void store_methods_follow(struct server *server)
{
	g_autoptr(GError) error = NULL;

	if (server_config(server)->store_history == 0)
		return;
	if (work_start(work_new(server, machine_store_add), &FOLLOW, &error) == NULL)
		g_message("the release is not stored now: %s", error->message);
}

void store_methods_connect(BusManager *manager, struct server *server)
{
	g_signal_connect(manager, "handle-store-add", G_CALLBACK(add_handle), server);
	g_signal_connect(manager, "handle-store-prune", G_CALLBACK(prune_handle), server);
	g_signal_connect(manager, "handle-store-check", G_CALLBACK(check_handle), server);
	g_signal_connect(manager, "handle-restore", G_CALLBACK(restore_handle), server);
}

/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <unistd.h>

#include "failure.h"
#include "reboot.h"
#include "result.h"
#include "updater.h"

struct work_health {
	struct server *server;
	struct machine *machine;
	struct job *job; /* once it runs */
	gboolean act;
};

static const char *const VERDICT_NAMES[] = {
	[MACHINE_COMMITTED] = "committed",
	[MACHINE_REBOOT] = "reboot",
	[MACHINE_STAY] = "stay",
};

struct work *work_new(struct server *server)
{
	struct work *work = g_new0(struct work, 1);

	work->server = server;
	work->slot = SLOT_NONE;
	work->fd = -1;
	return work;
}

void work_free(struct work *work)
{
	if (work->fd >= 0)
		close(work->fd);
	g_free(work->url);
	g_free(work);
}

static struct machine_install options_of(const struct work *work, struct job *job)
{
	return (struct machine_install){
		.fd = work->fd,
		.url = work->url,
		.force = work->force,
		.activate = work->activate,
		.accept_expired = work->accept_expired,
		.progress = job_progress,
		.user_data = job,
		.cancellable = job_cancellable(job),
	};
}

static gboolean install_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct work *work = data;
	const struct machine_install options = options_of(work, job);
	struct machine_installed installed = { .slot = SLOT_NONE };

	if (!machine_install(work->machine, &options, &installed, error))
		return FALSE;
	job_fetched(job, installed.fetched_bytes);
	if (work->activate)
		updater_activated(server_config(work->server), work->machine, installed.slot);
	*ret_result = result_installed(&installed);
	machine_installed_clear(&installed);
	return TRUE;
}

static gboolean plan_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct work *work = data;
	const struct machine_install options = options_of(work, job);
	struct machine_plan plan = { .slot = SLOT_NONE };

	if (!machine_plan(work->machine, &options, &plan, error))
		return FALSE;
	*ret_result = result_plan(&plan);
	machine_plan_clear(&plan);
	return TRUE;
}

static gboolean verify_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct work *work = data;
	const struct machine_install options = options_of(work, job);
	struct machine_checked checked = { .slot = SLOT_NONE };
	const gboolean done = machine_verify(work->machine, work->slot, &options, &checked, error);

	*ret_result = result_checked(&checked);
	machine_checked_clear(&checked);
	return done;
}

static gboolean repair_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct work *work = data;
	const struct machine_install options = options_of(work, job);
	struct machine_checked checked = { .slot = SLOT_NONE };
	const gboolean done = machine_repair(work->machine, work->slot, &options, &checked, error);

	if (done)
		job_fetched(job, checked.fetched_bytes);
	*ret_result = result_checked(&checked);
	machine_checked_clear(&checked);
	return done;
}

static const struct job_task TASKS[] = {
	[WORK_INSTALL] = { .kind = "install", .run = install_run },
	[WORK_PLAN] = { .kind = "plan", .run = plan_run },
	[WORK_VERIFY] = { .kind = "verify", .run = verify_run },
	[WORK_REPAIR] = { .kind = "repair", .run = repair_run },
};

const char *work_start(struct work *work, enum work_kind kind, GError **error)
{
	struct job_task task = TASKS[kind];

	task.data = work;
	task.data_free = (GDestroyNotify)work_free;
	if (!server_machine(work->server, &work->machine, error)) {
		work_free(work);
		return NULL;
	}
	return server_start_job(work->server, &task, error);
}

static gboolean health_act(const struct work_health *health, const struct health_result *result,
			   GVariant **ret_result, GError **error)
{
	enum machine_verdict verdict;

	if (!machine_judge(health->machine, result, &verdict, error)) {
		*ret_result = result_health(result, "none");
		return FALSE;
	}
	*ret_result = result_health(result, VERDICT_NAMES[verdict]);
	g_message("health: %s; verdict: %s", result->reason, VERDICT_NAMES[verdict]);
	if (verdict != MACHINE_REBOOT) /* a boot that goes on; else the next one tells it */
		updater_settle(server_config(health->server), health->machine,
			       job_cancellable(health->job));
	return verdict != MACHINE_REBOOT || reboot_request(server_bus(health->server), error);
}

/* Checks that cannot be run say nothing good of the release: they count as a failed check, or a
 * release that ships a bad folder would stay on trial for ever. */
static struct health_result *health_refused(const GError *why)
{
	struct health_result *result = g_new0(struct health_result, 1);

	result->checks = g_ptr_array_new();
	result->why = failure_code(why);
	result->reason = g_strdup(why->message);
	return result;
}

static gboolean health_run_job(struct job *job, gpointer data, GVariant **ret_result,
			       GError **error)
{
	static const struct machine_progress STEP = { .step = "run checks" };
	struct work_health *health = data;
	const struct config *config = server_config(health->server);
	const struct health_options options = {
		.folders = config->health_dirs,
		.timeout_s = config->health_timeout_s,
		.retries = config->health_retries,
	};
	g_autoptr(HealthResult) result = NULL;
	g_autoptr(GError) why = NULL;

	health->job = job;
	job_progress(&STEP, job);
	result = health_run(&options, job_cancellable(job), &why);
	if (result == NULL && (!health->act || g_cancellable_is_cancelled(job_cancellable(job)))) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (result == NULL)
		result = health_refused(why);
	if (health->act)
		return health_act(health, result, ret_result, error);
	*ret_result = result_health(result, "none");
	return TRUE;
}

const char *work_health_start(struct server *server, gboolean act, GError **error)
{
	struct work_health *health = g_new0(struct work_health, 1);
	const struct job_task task = {
		.kind = "health", .run = health_run_job, .data = health, .data_free = g_free
	};

	health->server = server;
	health->act = act;
	if (!server_machine(server, &health->machine, error)) {
		g_free(health);
		return NULL;
	}
	return server_start_job(server, &task, error);
}

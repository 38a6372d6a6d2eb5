/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <unistd.h>

#include "failure.h"
#include "fleet.h"
#include "greenboot.h"
#include "healthsetup.h"
#include "healthverdict.h"
#include "publish.h"
#include "reboot.h"
#include "result.h"
#include "standing.h"
#include "transition.h"
#include "updater.h"

struct work_health {
	struct server *server;
	struct machine *machine;
	struct job *job; /* once it runs */
	gboolean act;
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
	const struct transition transition = {
		.config = server_config(work->server),
		.machine = work->machine,
		.job = job,
		.by = "by hand",
	};
	const struct transition_stage stage = { .options = options_of(work, job) };
	struct machine_installed installed = { .slot = SLOT_NONE };
	gboolean changed;

	if (!transition_stage(&transition, &stage, &installed, error))
		return FALSE;
	job_fetched(job, installed.fetched_bytes);
	if (work->activate && !transition_activate(&transition, installed.slot, &changed, error)) {
		machine_installed_clear(&installed);
		return FALSE;
	}
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

/* What the slots could not take in is on record all the same. */
static void health_refuse(const struct work_health *health, const struct healthsetup *setup,
			  const struct health_result *result, GVariant **ret_result,
			  const GError *why)
{
	healthverdict_record(server_config(health->server), &setup->release, result, "none",
			     why->message);
	*ret_result = result_health(result, "none", why->message);
}

/* Nobody sees the console of a machine that is unhealthy and goes on. */
static void stay_tell(const struct work_health *health, const struct healthsetup *setup,
		      const struct health_result *result, enum ladder_reason because)
{
	g_autofree char *reason = g_strdup_printf("%s; %s",
						  result->reason != NULL ? result->reason : "",
						  ladder_reason_text(because));
	const char *slot = publish_slot_name(setup->release.slot);
	const struct report_event event = {
		.kind = REPORT_STAYED,
		.version = setup->release.version != NULL ? setup->release.version : "unknown",
		.slot = slot[0],
		.why = result->why,
		.reason = reason,
	};
	struct fleet fleet;

	fleet_init(&fleet, server_config(health->server), job_cancellable(health->job));
	fleet_tell(&fleet, &event);
}

/* A release that was committed has had the changes of /etc in force: it is not to blame. */
static gboolean reboot_helps(const struct healthsetup *setup, const struct health_result *result,
			     enum machine_verdict verdict)
{
	return verdict == MACHINE_REBOOT &&
	       (setup->release.on_trial || (!setup->var_is_lost && !health_is_of_machine(result)));
}

static gboolean health_act(const struct work_health *health, const struct healthsetup *setup,
			   const struct health_result *result, GVariant **ret_result,
			   GError **error)
{
	const struct config *config = server_config(health->server);
	GCancellable *cancellable = job_cancellable(health->job);
	const struct transition transition = {
		.config = config,
		.machine = health->machine,
		.job = health->job,
		.by = "by the health checks",
	};
	g_autoptr(GError) why = NULL;
	enum machine_verdict verdict;
	struct ladder_choice choice;

	if (!machine_judge(health->machine, result, &verdict, &why)) {
		health_refuse(health, setup, result, ret_result, why);
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	choice = healthverdict_choose(config, &setup->release, result->healthy,
				      reboot_helps(setup, result, verdict));
	*ret_result = result_health(result, ladder_step_name(choice.step),
				    ladder_reason_text(choice.reason));
	healthverdict_record(config, &setup->release, result, ladder_step_name(choice.step),
			     ladder_reason_text(choice.reason));
	standing_judged(health->server, health->machine, result->healthy);
	if (choice.step == LADDER_STAY)
		stay_tell(health, setup, result, choice.reason);
	greenboot_conclude(&setup->options, result->healthy, cancellable);
	if (verdict == MACHINE_COMMITTED)
		server_store_later(health->server);
	if (choice.step != LADDER_REBOOT) /* a boot that goes on; else the next one tells it */
		updater_settle(&transition);
	return choice.step != LADDER_REBOOT || reboot_request(server_bus(health->server), error);
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

/* NULL: they could not be run. */
static struct health_result *checks_run(const struct work_health *health,
					const struct health_options *options, GError **error)
{
	const struct config *config = server_config(health->server);
	struct ladder_state state = { .rounds_left = health->act ? config->health.rounds : 1 };
	struct health_result *result = NULL;

	do {
		health_result_free(result);
		state.rounds_left--;
		result = health_run(options, job_cancellable(health->job), error);
		state.healthy = result != NULL && result->healthy;
	} while (result != NULL && ladder_choose(&state).step == LADDER_RETRY);
	return result;
}

static gboolean health_run_job(struct job *job, gpointer data, GVariant **ret_result,
			       GError **error)
{
	static const struct machine_progress STEP = { .step = "run checks" };
	struct work_health *health = data;
	struct healthsetup setup;
	g_autoptr(HealthResult) result = NULL;
	g_autoptr(GError) why = NULL;
	gboolean done = TRUE;

	health->job = job;
	if (health->act)
		standing_begin(health->server, health->machine);
	job_progress(&STEP, job);
	healthsetup_init(&setup, health->server, health->machine);
	result = checks_run(health, &setup.options, &why);
	if (result == NULL && (!health->act || g_cancellable_is_cancelled(job_cancellable(job)))) {
		healthsetup_done(&setup);
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (result == NULL)
		result = health_refused(why);
	if (health->act)
		done = health_act(health, &setup, result, ret_result, error);
	else
		*ret_result = result_health(result, "none", "nothing is done about it");
	healthsetup_done(&setup);
	return done;
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

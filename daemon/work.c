/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <unistd.h>

#include "failure.h"
#include "publish.h"
#include "reboot.h"

struct work_health {
	struct server *server;
	struct machine *machine;
	gboolean act;
};

static const char *const VERDICT_NAMES[] = {
	[MACHINE_COMMITTED] = "committed",
	[MACHINE_REBOOT] = "reboot",
	[MACHINE_STAY] = "stay",
};

struct work_install *work_install_new(struct server *server)
{
	struct work_install *install = g_new0(struct work_install, 1);

	install->server = server;
	install->fd = -1;
	return install;
}

void work_install_free(struct work_install *install)
{
	if (install->fd >= 0)
		close(install->fd);
	g_free(install->url);
	g_free(install);
}

static GVariant *installed_encode(const struct machine_installed *installed)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "slot", "s", publish_slot_name(installed->slot));
	g_variant_dict_insert(&dict, "version", "s",
			      installed->version == NULL ? "" : installed->version);
	g_variant_dict_insert(&dict, "fetched_bytes", "t", installed->fetched_bytes);
	g_variant_dict_insert(&dict, "copied_bytes", "t", installed->copied_bytes);
	g_variant_dict_insert(&dict, "kept_bytes", "t", installed->kept_bytes);
	g_variant_dict_insert(&dict, "written_bytes", "t", installed->written_bytes);
	return g_variant_dict_end(&dict);
}

static gboolean install_run(struct job *job, gpointer data, GVariant **ret_result, GError **error)
{
	const struct work_install *install = data;
	const struct machine_install options = {
		.fd = install->fd,
		.url = install->url,
		.force = install->force,
		.activate = install->activate,
		.progress = job_progress,
		.user_data = job,
		.cancellable = job_cancellable(job),
	};
	struct machine_installed installed = { .slot = SLOT_NONE };

	if (!machine_install(install->machine, &options, &installed, error))
		return FALSE;
	*ret_result = installed_encode(&installed);
	machine_installed_clear(&installed);
	return TRUE;
}

const char *work_install_start(struct server *server, struct work_install *install, GError **error)
{
	const struct job_task task = { .kind = "install",
				       .run = install_run,
				       .data = install,
				       .data_free = (GDestroyNotify)work_install_free };

	if (!server_machine(server, &install->machine, error)) {
		work_install_free(install);
		return NULL;
	}
	return server_start_job(server, &task, error);
}

static GVariant *check_encode(const struct health_check *check)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "name", "s", check->name);
	g_variant_dict_insert(&dict, "required", "b", check->required);
	g_variant_dict_insert(&dict, "passed", "b", check->passed);
	g_variant_dict_insert(&dict, "fault", "u", (guint32)check->why);
	g_variant_dict_insert(&dict, "exit_status", "i", check->exit_status);
	g_variant_dict_insert(&dict, "runs", "u", check->runs);
	g_variant_dict_insert(&dict, "duration_ms", "u", check->duration_ms);
	g_variant_dict_insert(&dict, "output", "s", check->output);
	return g_variant_dict_end(&dict);
}

static GVariant *health_encode(const struct health_result *result, const char *verdict)
{
	GVariantBuilder checks;
	GVariantDict dict;

	g_variant_builder_init(&checks, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < result->checks->len; i++)
		g_variant_builder_add_value(&checks,
					    check_encode(g_ptr_array_index(result->checks, i)));
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "healthy", "b", result->healthy);
	g_variant_dict_insert(&dict, "reason", "s", result->reason == NULL ? "" : result->reason);
	g_variant_dict_insert(&dict, "verdict", "s", verdict);
	g_variant_dict_insert_value(&dict, "checks", g_variant_builder_end(&checks));
	return g_variant_dict_end(&dict);
}

static gboolean health_act(const struct work_health *health, const struct health_result *result,
			   GVariant **ret_result, GError **error)
{
	enum machine_verdict verdict;

	if (!machine_judge(health->machine, result, &verdict, error)) {
		*ret_result = health_encode(result, "none");
		return FALSE;
	}
	*ret_result = health_encode(result, VERDICT_NAMES[verdict]);
	g_message("health: %s; verdict: %s", result->reason, VERDICT_NAMES[verdict]);
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
	const struct work_health *health = data;
	const struct config *config = server_config(health->server);
	const struct health_options options = {
		.folders = config->health_dirs,
		.timeout_s = config->health_timeout_s,
		.retries = config->health_retries,
	};
	g_autoptr(HealthResult) result = NULL;
	g_autoptr(GError) why = NULL;

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
	*ret_result = health_encode(result, "none");
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

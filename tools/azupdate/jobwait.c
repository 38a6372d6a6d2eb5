/* SPDX-License-Identifier: MIT */
#include "jobwait.h"

#include <glib-unix.h>

#include "failure.h"
#include "faulttext.h"
#include "progress.h"

enum { BAR_INTERVAL_MS = 500 };

struct wait {
	const char *path;
	BusJob *job;
	GVariant *outcome; /* NULL before the job has ended */
	GMainLoop *loop;
	struct progress *progress;
	gboolean interrupted;
};

/* A daemon that is gone takes the properties with it: such a job has not ended. */
static gboolean job_has_ended(BusJob *job)
{
	const char *state = bus_job_get_state(job);

	return state != NULL && !g_str_equal(state, "running");
}

/* At once, since a daemon that leaves right afterwards takes the properties with it. */
static void outcome_take(struct wait *wait)
{
	if (wait->outcome == NULL && job_has_ended(wait->job))
		wait->outcome = g_variant_ref_sink(jobwait_encode(wait->path, wait->job));
}

static void properties_changed(GDBusProxy *proxy, GVariant *changed, GStrv invalidated,
			       gpointer user_data)
{
	struct wait *wait = user_data;

	progress_show(wait->progress, wait->job);
	outcome_take(wait);
	if (wait->outcome != NULL)
		g_main_loop_quit(wait->loop);
}

static void owner_changed(GObject *proxy, GParamSpec *property, gpointer user_data)
{
	struct wait *wait = user_data;
	g_autofree char *owner = g_dbus_proxy_get_name_owner(G_DBUS_PROXY(proxy));

	if (owner == NULL)
		g_main_loop_quit(wait->loop);
}

/* The first time asks the job to stop; the second time stops waiting for that. */
static gboolean interrupt(gpointer user_data)
{
	struct wait *wait = user_data;

	if (wait->interrupted)
		g_main_loop_quit(wait->loop);
	wait->interrupted = TRUE;
	bus_job_call_cancel(wait->job, NULL, NULL, NULL);
	return G_SOURCE_CONTINUE;
}

/* A transfer that stands still is seen by the clock alone. */
static gboolean bar_tick(gpointer user_data)
{
	struct wait *wait = user_data;

	progress_tick(wait->progress, wait->job);
	return G_SOURCE_CONTINUE;
}

static void wait_loop(struct wait *wait, enum cli_progress style)
{
	const guint tick = style == CLI_PROGRESS_BAR
				   ? g_timeout_add(BAR_INTERVAL_MS, bar_tick, wait)
				   : 0;
	const guint sigint = g_unix_signal_add(SIGINT, interrupt, wait);
	const guint sigterm = g_unix_signal_add(SIGTERM, interrupt, wait);

	wait->loop = g_main_loop_new(NULL, FALSE);
	g_signal_connect(wait->job, "g-properties-changed", G_CALLBACK(properties_changed), wait);
	g_signal_connect(wait->job, "notify::g-name-owner", G_CALLBACK(owner_changed), wait);
	wait->progress = progress_new(style, wait->path);
	progress_show(wait->progress, wait->job);
	outcome_take(wait);
	if (wait->outcome == NULL)
		g_main_loop_run(wait->loop);
	g_signal_handlers_disconnect_by_data(wait->job, wait);
	progress_free(wait->progress);
	g_main_loop_unref(wait->loop);
	g_source_remove(sigint);
	g_source_remove(sigterm);
	if (tick != 0)
		g_source_remove(tick);
}

static gboolean outcome_check(GVariant *outcome, GError **error)
{
	const char *message = "";
	guint32 why = FAULT_OK;

	g_variant_lookup(outcome, "fault", "u", &why);
	g_variant_lookup(outcome, "message", "&s", &message);
	return why == FAULT_OK || failure_set(error, (fault)why, "%s", message);
}

gboolean jobwait_run(struct cli *cli, const char *path, GVariant **ret_outcome, GError **error)
{
	struct wait wait = { .path = path };
	g_autoptr(BusJob) job = client_job(cli, path, error);

	if (job == NULL)
		return FALSE;
	wait.job = job;
	wait_loop(&wait, cli->progress);
	if (wait.outcome != NULL) {
		*ret_outcome = wait.outcome;
		return outcome_check(wait.outcome, error);
	}
	if (wait.interrupted)
		return failure_set(error, FAULT_JOB_CANCELLED,
				   "%s was asked to stop, and does so by itself", path);
	return failure_set(error, FAULT_BUS, "azupdated ended before the job did");
}

GVariant *jobwait_result(GVariant *outcome)
{
	return g_variant_lookup_value(outcome, "result", G_VARIANT_TYPE_VARDICT);
}

GVariant *jobwait_encode(const char *path, BusJob *job)
{
	const guint32 why = bus_job_get_fault(job);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "job", g_variant_new_string(path));
	g_variant_builder_add(&builder, "{sv}", "kind",
			      g_variant_new_string(bus_job_get_kind(job)));
	g_variant_builder_add(&builder, "{sv}", "state",
			      g_variant_new_string(bus_job_get_state(job)));
	g_variant_builder_add(&builder, "{sv}", "step",
			      g_variant_new_string(bus_job_get_step(job)));
	g_variant_builder_add(&builder, "{sv}", "done_bytes",
			      g_variant_new_uint64(bus_job_get_done_bytes(job)));
	g_variant_builder_add(&builder, "{sv}", "total_bytes",
			      g_variant_new_uint64(bus_job_get_total_bytes(job)));
	g_variant_builder_add(&builder, "{sv}", "fetched_bytes",
			      g_variant_new_uint64(bus_job_get_fetched_bytes(job)));
	g_variant_builder_add(&builder, "{sv}", "fetch_bytes",
			      g_variant_new_uint64(bus_job_get_fetch_bytes(job)));
	g_variant_builder_add(&builder, "{sv}", "fault", g_variant_new_uint32(why));
	g_variant_builder_add(&builder, "{sv}", "fault_name",
			      g_variant_new_string(faulttext_find(why)->name));
	g_variant_builder_add(&builder, "{sv}", "message",
			      g_variant_new_string(bus_job_get_message(job)));
	g_variant_builder_add(&builder, "{sv}", "result", bus_job_get_result(job));
	return g_variant_builder_end(&builder);
}

/* SPDX-License-Identifier: MIT */
#include "jobwait.h"

#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "faulttext.h"

enum { BAR_WIDTH = 28 };

struct wait {
	const char *path;
	BusJob *job;
	GVariant *outcome; /* NULL before the job has ended */
	GMainLoop *loop;
	gboolean quiet;
	gboolean terminal;
	gboolean interrupted;
	char *step; /* the last one shown */
	gint64 step_since_us;
};

static void bar_print(const struct wait *wait, guint64 done, guint64 total)
{
	const double part = (double)MIN(done, total) / (double)total;
	const int filled = (int)(part * BAR_WIDTH);
	const double seconds = (double)(g_get_monotonic_time() - wait->step_since_us) / 1e6;
	g_autofree char *size = g_format_size_full(total, G_FORMAT_SIZE_IEC_UNITS);
	g_autofree char *rate = g_format_size_full(
		seconds < 0.5 ? 0 : (guint64)((double)done / seconds), G_FORMAT_SIZE_IEC_UNITS);
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)filled);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%-12s [%s] %3d%% of %s", wait->step, bar, (int)(part * 100), size);
	if (seconds >= 0.5)
		fprintf(stderr, ", %s/s", rate);
	fputs("\033[K", stderr);
}

static void step_begin(struct wait *wait, const char *step)
{
	if (wait->terminal && wait->step != NULL)
		fputc('\n', stderr);
	g_free(wait->step);
	wait->step = g_strdup(step);
	wait->step_since_us = g_get_monotonic_time();
	fprintf(stderr, wait->terminal ? "%s" : "%s\n", step);
}

static void progress_print(struct wait *wait)
{
	const char *step = bus_job_get_step(wait->job);
	const guint64 total = bus_job_get_total_bytes(wait->job);

	if (wait->quiet || step == NULL || step[0] == '\0')
		return;
	if (g_strcmp0(step, wait->step) != 0)
		step_begin(wait, step);
	if (wait->terminal && total > 0)
		bar_print(wait, bus_job_get_done_bytes(wait->job), total);
}

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

	progress_print(wait);
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

static void wait_loop(struct wait *wait)
{
	const guint sigint = g_unix_signal_add(SIGINT, interrupt, wait);
	const guint sigterm = g_unix_signal_add(SIGTERM, interrupt, wait);

	wait->loop = g_main_loop_new(NULL, FALSE);
	g_signal_connect(wait->job, "g-properties-changed", G_CALLBACK(properties_changed), wait);
	g_signal_connect(wait->job, "notify::g-name-owner", G_CALLBACK(owner_changed), wait);
	progress_print(wait);
	outcome_take(wait);
	if (wait->outcome == NULL)
		g_main_loop_run(wait->loop);
	g_signal_handlers_disconnect_by_data(wait->job, wait);
	if (wait->terminal && wait->step != NULL)
		fputc('\n', stderr);
	g_main_loop_unref(wait->loop);
	g_source_remove(sigint);
	g_source_remove(sigterm);
	g_free(wait->step);
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
	struct wait wait = { .quiet = cli->json, .terminal = isatty(STDERR_FILENO) == 1 };
	g_autoptr(BusJob) job = client_job(cli, path, error);

	if (job == NULL)
		return FALSE;
	wait.job = job;
	wait.path = path;
	wait_loop(&wait);
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
	g_variant_builder_add(&builder, "{sv}", "fault", g_variant_new_uint32(why));
	g_variant_builder_add(&builder, "{sv}", "fault_name",
			      g_variant_new_string(faulttext_find(why)->name));
	g_variant_builder_add(&builder, "{sv}", "message",
			      g_variant_new_string(bus_job_get_message(job)));
	g_variant_builder_add(&builder, "{sv}", "result", bus_job_get_result(job));
	return g_variant_builder_end(&builder);
}

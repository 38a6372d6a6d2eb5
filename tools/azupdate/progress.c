/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "eta.h"
#include "terminal.h"

enum { BAR_WIDTH = 18, STILL_US = 1000 * 1000 };

struct progress {
	enum cli_progress style;
	const char *path;
	char *step; /* the last one shown; NULL: none yet */
	struct eta eta;
	struct eta_sample last;
};

struct progress *progress_new(enum cli_progress style, const char *path)
{
	struct progress *progress = g_new0(struct progress, 1);

	progress->style = style;
	progress->path = path;
	return progress;
}

void progress_free(struct progress *progress)
{
	if (progress->style == CLI_PROGRESS_BAR && progress->step != NULL)
		fputc('\n', stderr);
	g_free(progress->step);
	g_free(progress);
}

static void bar_print(const char *step, const struct eta_view *view)
{
	const double part = (double)view->done_bytes / (double)view->total_bytes;
	g_autofree char *size = amount_text(view->total_bytes);
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)(part * BAR_WIDTH));
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%-9s [%s] %3d%% of %s%s", step, bar, (int)(part * 100), size,
		view->is_fetch ? " fetched" : "");
	if (view->bytes_s > 0) {
		g_autofree char *rate = amount_text(view->bytes_s);

		fprintf(stderr, ", %s/s", rate);
	}
	if (view->left_s >= 0) {
		g_autofree char *left = amount_time(view->left_s);

		fprintf(stderr, ", %s left", left);
	}
	fputs("\033[K", stderr);
}

static void bar_show(struct progress *progress, const struct eta_sample *sample,
		     const struct eta_view *view)
{
	g_autofree char *step = terminal_clean(progress->step);

	if (sample->step_is_new)
		fprintf(stderr, "%s%s", progress->last.time_us != 0 ? "\n" : "", step);
	if (view->total_bytes > 0)
		bar_print(step, view);
}

static GVariant *number_or_null(gboolean is_known, guint64 number)
{
	return is_known ? g_variant_new("mt", TRUE, number) : g_variant_new("mt", FALSE, number);
}

static void json_show(const struct progress *progress, const struct eta_sample *sample,
		      const struct eta_view *view)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "job", g_variant_new_string(progress->path));
	g_variant_builder_add(&builder, "{sv}", "step", g_variant_new_string(progress->step));
	g_variant_builder_add(&builder, "{sv}", "done_bytes",
			      g_variant_new_uint64(sample->done_bytes));
	g_variant_builder_add(&builder, "{sv}", "total_bytes",
			      g_variant_new_uint64(sample->total_bytes));
	g_variant_builder_add(&builder, "{sv}", "fetched_bytes",
			      g_variant_new_uint64(sample->fetched_bytes));
	g_variant_builder_add(&builder, "{sv}", "fetch_bytes",
			      g_variant_new_uint64(sample->fetch_bytes));
	g_variant_builder_add(&builder, "{sv}", "rate_bytes_s",
			      number_or_null(view->bytes_s > 0, view->bytes_s));
	g_variant_builder_add(&builder, "{sv}", "left_s",
			      number_or_null(view->left_s >= 0, (guint64)view->left_s));
	cli_print_json(AZUPDATE_SCHEMA_PROGRESS, g_variant_builder_end(&builder));
	fflush(stdout); /* whoever reads it wants it now */
}

static gboolean is_changed(const struct eta_sample *a, const struct eta_sample *b)
{
	return b->step_is_new || a->done_bytes != b->done_bytes ||
	       a->total_bytes != b->total_bytes || a->fetched_bytes != b->fetched_bytes ||
	       a->fetch_bytes != b->fetch_bytes;
}

static struct eta_sample sample_take(const struct progress *progress, const char *step,
				      BusJob *job)
{
	return (struct eta_sample){
		.time_us = g_get_monotonic_time(),
		.step_is_new = g_strcmp0(step, progress->step) != 0,
		.done_bytes = bus_job_get_done_bytes(job),
		.total_bytes = bus_job_get_total_bytes(job),
		.fetched_bytes = bus_job_get_fetched_bytes(job),
		.fetch_bytes = bus_job_get_fetch_bytes(job),
	};
}

void progress_show(struct progress *progress, BusJob *job)
{
	const char *step = bus_job_get_step(job);
	struct eta_sample sample;
	struct eta_view view;

	if (progress->style == CLI_PROGRESS_NONE || step == NULL || step[0] == '\0')
		return;
	sample = sample_take(progress, step, job);
	view = eta_add(&progress->eta, &sample);
	if (sample.step_is_new) {
		g_free(progress->step);
		progress->step = g_strdup(step);
	}
	if (progress->style == CLI_PROGRESS_BAR)
		bar_show(progress, &sample, &view);
	else if (progress->style == CLI_PROGRESS_LINES && sample.step_is_new)
		fprintf(stderr, "%s\n", step);
	else if (progress->style == CLI_PROGRESS_JSON && is_changed(&progress->last, &sample))
		json_show(progress, &sample, &view);
	progress->last = sample;
}

void progress_tick(struct progress *progress, BusJob *job)
{
	if (progress->style == CLI_PROGRESS_BAR && progress->step != NULL &&
	    g_get_monotonic_time() - progress->last.time_us >= STILL_US)
		progress_show(progress, job);
}

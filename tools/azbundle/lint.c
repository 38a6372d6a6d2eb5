/* SPDX-License-Identifier: MIT */
#include "lint.h"

#include <stdio.h>

#include "command.h"
#include "failure.h"
#include "lintprint.h"

enum { TOP_DEFAULT = 10, TOP_MAX = 100000 };

static struct {
	char **olds;
	int top;
	gboolean json, strict;
} options = { .top = TOP_DEFAULT };

static const GOptionEntry ENTRIES[] = {
	{ "old", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.olds,
	  "an older image, to measure what an update from it costs; may be given again", "IMAGE" },
	{ "top", 0, 0, G_OPTION_ARG_INT, &options.top,
	  "how many of the files that cost most to list, 10 if not given", "N" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "print JSON", NULL },
	{ "strict", 0, 0, G_OPTION_ARG_NONE, &options.strict, "fail if there is any finding",
	  NULL },
	G_OPTION_ENTRY_NULL,
};

static gboolean epoch_read(gint64 *ret_epoch_s, GError **error)
{
	const char *text = g_getenv("SOURCE_DATE_EPOCH");
	g_autoptr(GError) why = NULL;

	*ret_epoch_s = -1;
	if (text == NULL || g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, ret_epoch_s, &why))
		return TRUE;
	return failure_set(error, FAULT_ARGUMENT, "SOURCE_DATE_EPOCH: %s", why->message);
}

static gint cost_compare(gconstpointer a, gconstpointer b, gpointer data)
{
	struct lint_run *run = data;
	const uint64_t first = lint_patch(run, *(const guint *)a);
	const uint64_t second = lint_patch(run, *(const guint *)b);

	return (first < second) - (first > second);
}

static void report_rank(struct lint_report *report)
{
	struct lint_run *run = report->run;
	g_autoptr(GArray) ranked = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint i = 0; i < run->image->files->len; i++)
		if (lint_patch(run, i) > 0)
			g_array_append_val(ranked, i);
	g_array_sort_with_data(ranked, cost_compare, run);
	report->largest_count = MIN(ranked->len, (guint)options.top);
	report->largest = (guint *)(void *)g_array_free(g_steal_pointer(&ranked), FALSE);
}

static struct lint_report *report_new(struct lint_image *image, struct lint_image *old,
				      gint64 epoch_s)
{
	const struct lint_check *checks = lint_checks();
	struct lint_report *report = g_new0(struct lint_report, 1);
	guint count = 0;

	while (checks[count].id != NULL)
		count++;
	report->run = lint_run_new(image, old, epoch_s);
	report->findings = g_new0(struct lint_finding, count);
	for (guint i = 0; i < count; i++)
		report->findings[i] = lint_check_run(&checks[i], report->run);
	report_rank(report);
	return report;
}

static void report_free(struct lint_report *report)
{
	for (guint i = 0; lint_checks()[i].id != NULL; i++)
		lint_finding_done(&report->findings[i]);
	g_free(report->findings);
	g_free(report->largest);
	lint_run_free(report->run);
	g_free(report);
}

static gboolean strict_check(const GPtrArray *reports, GError **error)
{
	for (guint i = 0; i < reports->len; i++) {
		const struct lint_report *report = reports->pdata[i];

		for (guint j = 0; lint_checks()[j].id != NULL; j++)
			if (report->findings[j].count > 0)
				return failure_set(error, FAULT_LINT_FOUND,
						   "%s: there are findings, such as %s",
						   report->run->image->path, lint_checks()[j].id);
	}
	return TRUE;
}

static gboolean images_compare(struct lint_image *image, GPtrArray *olds, gint64 epoch_s,
			       GError **error)
{
	g_autoptr(GPtrArray) reports = g_ptr_array_new_with_free_func((GDestroyNotify)report_free);

	for (guint i = 0; i < olds->len; i++)
		g_ptr_array_add(reports, report_new(image, olds->pdata[i], epoch_s));
	if (olds->len == 0)
		g_ptr_array_add(reports, report_new(image, NULL, epoch_s));
	if (options.json)
		lint_print_json(image, reports);
	else
		lint_print_text(image, reports);
	return !options.strict || strict_check(reports, error);
}

gboolean command_lint(int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) olds = g_ptr_array_new_with_free_func((GDestroyNotify)lint_image_free);
	g_autoptr(LintImage) image = NULL;
	gint64 epoch_s;

	if (!command_parse(
		    &argc, &argv, "IMAGE",
		    "Tells what in a root image or UKI makes its updates large and what each "
		    "costs, and what must not be in it. BYTES are those concerned. DELTA is "
		    "what it adds to a delta from the old image. FETCH is what its blocks take "
		    "without a delta: those that the old image lacks, or all.",
		    ENTRIES, 1, error) ||
	    !epoch_read(&epoch_s, error))
		return FALSE;
	if (options.top < 0 || options.top > TOP_MAX)
		return failure_set(error, FAULT_ARGUMENT, "--top is not from 0 to %d", TOP_MAX);
	image = lint_image_open(argv[1], error);
	if (image == NULL)
		return FALSE;
	for (char **path = options.olds; path != NULL && *path != NULL; path++) {
		struct lint_image *old = lint_image_open(*path, error);

		if (old == NULL)
			return FALSE;
		g_ptr_array_add(olds, old);
	}
	return images_compare(image, olds, epoch_s, error);
}

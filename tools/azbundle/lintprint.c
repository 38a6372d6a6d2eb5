/* SPDX-License-Identifier: MIT */
#include "lintprint.h"

#include <azupdate/azupdate.h>
#include <stdio.h>

#include "json.h"

/* Paths come out of the image: what a terminal would obey is not printed. */
static char *printable(const char *path)
{
	char *text = g_utf8_make_valid(path, -1);

	for (char *at = text; *at != '\0'; at++)
		if (g_ascii_iscntrl(*at))
			*at = '?';
	return text;
}

/* Files that are new or changed, and what they cost; what the whole image costs without a delta. */
struct changed {
	guint count;
	uint64_t bytes, delta_bytes, fetch_bytes;
};

static struct changed changed_sum(struct lint_run *run)
{
	const struct filemap_extent all = { 0, 0, run->image->map->size_bytes };
	g_autoptr(GArray) extents = g_array_new(FALSE, FALSE, sizeof all);
	struct changed changed = { 0 };

	if (run->old == NULL)
		return changed;
	g_array_append_val(extents, all);
	changed.fetch_bytes = (uint64_t)lint_fetch(run, extents);
	for (guint i = 0; i < run->image->files->len; i++) {
		const struct lint_file *file = &g_array_index(run->image->files, struct lint_file,
							      i);

		if (!file->is_readable || lint_is_same(run, file))
			continue;
		changed.count++;
		changed.bytes += file->file->size_bytes;
		changed.delta_bytes += lint_patch(run, i);
	}
	return changed;
}

static void number_print(gint64 number)
{
	if (number < 0)
		printf(" %12s", "-");
	else
		printf(" %12" G_GINT64_FORMAT, number);
}

static void finding_print(const struct lint_check *check, const struct lint_finding *finding)
{
	printf("%-20s %8u %-6s %13" G_GUINT64_FORMAT, check->id, finding->count, check->unit,
	       finding->bytes);
	number_print(finding->delta_bytes);
	number_print(finding->fetch_bytes);
	printf("\n    %s\n", check->advice);
	for (unsigned i = 0; i < LINT_EXAMPLES_MAX && finding->examples[i] != NULL; i++) {
		g_autofree char *path = printable(finding->examples[i]);

		printf("    %s %s\n", i == 0 ? "such as" : "       ", path);
	}
}

static void largest_print(const struct lint_report *report)
{
	if (report->largest_count > 0)
		printf("\nfiles that cost most in a delta (size, cost):\n");
	for (guint i = 0; i < report->largest_count; i++) {
		const struct lint_file *file = &g_array_index(report->run->image->files,
							      struct lint_file, report->largest[i]);
		g_autofree char *path = printable(file->file->path);

		printf("%13" G_GUINT64_FORMAT " %12" G_GUINT64_FORMAT "  %s\n",
		       file->file->size_bytes, lint_patch(report->run, report->largest[i]), path);
	}
}

static void report_print(const struct lint_report *report)
{
	const struct lint_check *checks = lint_checks();
	struct changed changed;
	guint count = 0;

	if (report->run->old != NULL) {
		changed = changed_sum(report->run);
		printf("\nagainst %s: %u files with %" G_GUINT64_FORMAT
		       " bytes are new or changed: %" G_GUINT64_FORMAT
		       " bytes by zstd with the old files, %" G_GUINT64_FORMAT
		       " by blocks without a delta\n",
		       report->run->old->path, changed.count, changed.bytes, changed.delta_bytes,
		       changed.fetch_bytes);
	}
	for (guint i = 0; checks[i].id != NULL; i++) {
		if (report->findings[i].count == 0)
			continue;
		if (count++ == 0)
			printf("\n%-20s %15s %13s %12s %12s\n", "FINDING", "COUNT", "BYTES",
			       "DELTA", "FETCH");
		finding_print(&checks[i], &report->findings[i]);
	}
	if (count == 0)
		printf("nothing found\n");
	largest_print(report);
}

void lint_print_text(const struct lint_image *image, const GPtrArray *reports)
{
	printf("%s: %s, %" G_GUINT64_FORMAT " bytes, %u files\n", image->path,
	       filemap_kind_name(image->map->kind), image->map->size_bytes, image->files->len);
	for (guint i = 0; i < reports->len; i++)
		report_print(reports->pdata[i]);
}

static json_t *number_json(gint64 number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *text_json(const char *path)
{
	g_autofree char *text = printable(path);

	return json_string(text);
}

static json_t *finding_json(const struct lint_check *check, const struct lint_finding *finding)
{
	static const char *const KINDS[] = {
		[LINT_SIZE] = "size",
		[LINT_SECURITY] = "security",
		[LINT_DAMAGE] = "damage",
	};
	json_t *examples = json_array();

	for (unsigned i = 0; i < LINT_EXAMPLES_MAX && finding->examples[i] != NULL; i++)
		json_array_append_new(examples, text_json(finding->examples[i]));
	return json_pack("{s:s, s:s, s:i, s:s, s:I, s:o, s:o, s:s, s:o}", "id", check->id, "kind",
			 KINDS[check->kind], "count", (int)finding->count, "unit", check->unit,
			 "bytes", (json_int_t)finding->bytes, "delta_bytes",
			 number_json(finding->delta_bytes), "fetch_bytes",
			 number_json(finding->fetch_bytes), "advice", check->advice, "examples",
			 examples);
}

static json_t *largest_json(const struct lint_report *report)
{
	json_t *largest = json_array();

	for (guint i = 0; i < report->largest_count; i++) {
		const guint index = report->largest[i];
		const struct lint_file *file = &g_array_index(report->run->image->files,
							      struct lint_file, index);

		json_array_append_new(largest,
				      json_pack("{s:o, s:I, s:I}", "path",
						text_json(file->file->path), "size_bytes",
						(json_int_t)file->file->size_bytes, "delta_bytes",
						(json_int_t)lint_patch(report->run, index)));
	}
	return largest;
}

static json_t *report_json(const struct lint_report *report)
{
	const struct lint_check *checks = lint_checks();
	const struct changed changed = changed_sum(report->run);
	json_t *findings = json_array();
	json_t *old = report->run->old != NULL ? text_json(report->run->old->path) : json_null();

	for (guint i = 0; checks[i].id != NULL; i++)
		if (report->findings[i].count > 0)
			json_array_append_new(findings,
					      finding_json(&checks[i], &report->findings[i]));
	return json_pack("{s:o, s:{s:i, s:I, s:I, s:I}, s:o, s:o}", "old", old, "changed", "count",
			 (int)changed.count, "bytes", (json_int_t)changed.bytes, "delta_bytes",
			 (json_int_t)changed.delta_bytes, "fetch_bytes",
			 (json_int_t)changed.fetch_bytes, "findings", findings, "largest",
			 largest_json(report));
}

void lint_print_json(const struct lint_image *image, const GPtrArray *reports)
{
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *text = NULL;
	json_t *comparisons = json_array();

	for (guint i = 0; i < reports->len; i++)
		json_array_append_new(comparisons, report_json(reports->pdata[i]));
	object = json_pack("{s:s, s:o, s:s, s:I, s:i, s:o}", "schema", AZUPDATE_SCHEMA_LINT,
			   "image", text_json(image->path), "kind",
			   filemap_kind_name(image->map->kind), "size_bytes",
			   (json_int_t)image->map->size_bytes, "file_count", (int)image->files->len,
			   "comparisons", comparisons);
	text = json_dumps(object, JSON_INDENT(2));
	printf("%s\n", text);
}

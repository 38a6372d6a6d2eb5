/* SPDX-License-Identifier: MIT */
#include "prometheus.h"

#include <string.h>
#include <sys/stat.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

static const struct prometheus_machine MACHINE = {
	.product = "shop \"north\"\\x\ny",
	.architecture = "x86_64",
	.running = 'a',
	.next = 'b',
	.committed = TRUE,
	.slots = { { "1.0", "good", 0 }, { NULL, "empty", 3 } },
	.security_version = 4,
	.floor = 3,
	.last_fault = FAULT_HEALTH_REQUIRED,
	.checked_us = 1790000000000007,
	.updated_us = 1790000001500000,
	.reports = { .waiting = 2, .dropped = 1, .counts = { 5 }, .last_us = { 1780000000000000 } },
};

static gboolean has_line(const char *text, const char *line)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

	return g_strv_contains((const char *const *)lines, line);
}

static void test_values(void)
{
	static const char *const LINES[] = {
		"azupdate_info{product=\"shop \\\"north\\\"\\\\x\\ny\",architecture=\"x86_64\","
		"version=\"1.0\",slot=\"a\"} 1",
		"azupdate_slot_info{slot=\"a\",state=\"good\",version=\"1.0\"} 1",
		"azupdate_slot_info{slot=\"b\",state=\"empty\",version=\"\"} 1",
		"azupdate_slot_next{slot=\"a\"} 0",
		"azupdate_slot_next{slot=\"b\"} 1",
		"azupdate_slot_tries_left{slot=\"b\"} 3",
		"azupdate_committed 1",
		"azupdate_held 0",
		"azupdate_security_version 4",
		"azupdate_floor 3",
		"azupdate_last_fault 700",
		"azupdate_check_timestamp_seconds 1790000000.000007",
		"azupdate_events_total{kind=\"staged\"} 5",
		"azupdate_events_total{kind=\"rolled-back\"} 0",
		"azupdate_event_timestamp_seconds{kind=\"staged\"} 1780000000.000000",
		"azupdate_reports_waiting 2",
		"azupdate_reports_dropped_total 1",
		"azupdate_metrics_timestamp_seconds 1790000001.500000",
	};
	g_autofree char *text = prometheus_render(&MACHINE);

	for (size_t i = 0; i < G_N_ELEMENTS(LINES); i++)
		if (!has_line(text, LINES[i])) {
			printf("# missing: %s\n", LINES[i]);
			expect(false);
		}
	expect(strstr(text, "event_timestamp_seconds{kind=\"failed\"") == NULL);
}

/* Each metric has its HELP and TYPE before it, once, and its lines stand together. */
static void test_format(void)
{
	g_autofree char *text = prometheus_render(&MACHINE);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *current = g_strdup("");

	expect(g_str_has_suffix(text, "\n") && g_utf8_validate(text, -1, NULL));
	for (char **line = lines; **line != '\0'; line++) {
		if (g_str_has_prefix(*line, "# HELP ")) {
			g_free(current);
			current = g_strndup(*line + 7, strcspn(*line + 7, " "));
			expect(g_hash_table_add(seen, g_strdup(current)));
			expect(g_str_has_prefix(line[1], "# TYPE "));
			expect(g_str_has_prefix(line[1] + 7, current));
			line++;
			continue;
		}
		expect(g_str_has_prefix(*line, current));
		expect(strchr("{ ", (*line)[strlen(current)]) != NULL);
	}
	expect(g_hash_table_size(seen) == 15);
}

static void test_file(void)
{
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "azupdate.prom", NULL);
	g_autofree char *elsewhere = g_build_filename(folder, "none", "azupdate.prom", NULL);
	g_autofree char *wanted = prometheus_render(&MACHINE);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) listing = NULL;
	struct stat info;
	unsigned files = 0;

	expect(tempdir_write(folder, "azupdate.prom", "old", 0600));
	expect(prometheus_write(path, &MACHINE, NULL));
	expect(g_file_get_contents(path, &text, NULL, NULL) && strcmp(text, wanted) == 0);
	expect(stat(path, &info) == 0 && (info.st_mode & 0777) == 0644);
	listing = g_dir_open(folder, 0, NULL);
	while (g_dir_read_name(listing) != NULL)
		files++;
	expect(files == 1); /* nothing half written is left for the collector */
	expect(!prometheus_write(elsewhere, &MACHINE, &error));
	expect(error != NULL && failure_code(error) == FAULT_REPORT_METRICS);
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "values", test_values },
	{ "the format", test_format },
	{ "the file", test_file },
};
TAP_MAIN(CASES)

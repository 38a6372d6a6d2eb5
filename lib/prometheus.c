/* SPDX-License-Identifier: MIT */
#include "prometheus.h"

#include "failure.h"

static void help_add(GString *text, const char *name, const char *type, const char *help)
{
	g_string_append_printf(text, "# HELP azupdate_%s %s\n# TYPE azupdate_%s %s\n", name, help,
			       name, type);
}

/* A label's value: backslash, quote and line feed are escaped, and nothing else may be there that
 * is not UTF-8. */
static void label_add(GString *text, const char *name, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	g_string_append_printf(text, "%s=\"", name);
	for (const char *at = valid; *at != '\0'; at++) {
		if (*at == '\\' || *at == '"')
			g_string_append_c(text, '\\');
		if (*at == '\n')
			g_string_append(text, "\\n");
		else
			g_string_append_c(text, *at);
	}
	g_string_append_c(text, '"');
}

static void gauge_add(GString *text, const char *name, const char *help, uint64_t value)
{
	help_add(text, name, "gauge", help);
	g_string_append_printf(text, "azupdate_%s %" G_GUINT64_FORMAT "\n", name, value);
}

/* Seconds with all digits that the clock has. */
static void time_add(GString *text, int64_t time_us)
{
	g_string_append_printf(text, " %" G_GINT64_FORMAT ".%06" G_GINT64_FORMAT "\n",
			       time_us / G_USEC_PER_SEC, time_us % G_USEC_PER_SEC);
}

static void info_add(GString *text, const struct prometheus_machine *machine)
{
	const char *running = machine->running == 'a'   ? machine->slots[0].version
			      : machine->running == 'b' ? machine->slots[1].version
							: NULL;
	const char slot[] = { machine->running, '\0' };

	help_add(text, "info", "gauge", "What runs on this machine.");
	g_string_append(text, "azupdate_info{");
	label_add(text, "product", machine->product);
	g_string_append_c(text, ',');
	label_add(text, "architecture", machine->architecture);
	g_string_append_c(text, ',');
	label_add(text, "version", running != NULL ? running : "");
	g_string_append_c(text, ',');
	label_add(text, "slot", slot);
	g_string_append(text, "} 1\n");
}

static void slots_add(GString *text, const struct prometheus_machine *machine)
{
	help_add(text, "slot_info", "gauge", "What each slot holds, and its state.");
	for (unsigned i = 0; i < G_N_ELEMENTS(machine->slots); i++) {
		const struct prometheus_slot *slot = &machine->slots[i];

		g_string_append_printf(text, "azupdate_slot_info{slot=\"%c\",", 'a' + (int)i);
		label_add(text, "state", slot->state);
		g_string_append_c(text, ',');
		label_add(text, "version", slot->version != NULL ? slot->version : "");
		g_string_append(text, "} 1\n");
	}
	help_add(text, "slot_next", "gauge", "Whether the next boot starts this slot.");
	for (unsigned i = 0; i < G_N_ELEMENTS(machine->slots); i++)
		g_string_append_printf(text, "azupdate_slot_next{slot=\"%c\"} %d\n", 'a' + (int)i,
				       machine->next == 'a' + (char)i);
	help_add(text, "slot_tries_left", "gauge", "Boots that a release on trial has left.");
	for (unsigned i = 0; i < G_N_ELEMENTS(machine->slots); i++)
		g_string_append_printf(text, "azupdate_slot_tries_left{slot=\"%c\"} %u\n",
				       'a' + (int)i, machine->slots[i].tries_left);
}

static void reports_add(GString *text, const struct report_spool_state *reports)
{
	help_add(text, "events_total", "counter", "What happened to releases, by kind.");
	for (unsigned i = 0; i < REPORT_KIND_COUNT; i++)
		g_string_append_printf(text,
				       "azupdate_events_total{kind=\"%s\"} %" G_GUINT64_FORMAT "\n",
				       report_kind_name((enum report_kind)i), reports->counts[i]);
	help_add(text, "event_timestamp_seconds", "gauge", "When it last happened, by kind.");
	for (unsigned i = 0; i < REPORT_KIND_COUNT; i++) {
		if (reports->last_us[i] == 0)
			continue;
		g_string_append_printf(text, "azupdate_event_timestamp_seconds{kind=\"%s\"}",
				       report_kind_name((enum report_kind)i));
		time_add(text, reports->last_us[i]);
	}
	gauge_add(text, "reports_waiting", "Events that the report server has not got yet.",
		  reports->waiting);
	help_add(text, "reports_dropped_total", "counter", "Events that it will never get.");
	g_string_append_printf(text, "azupdate_reports_dropped_total %" G_GUINT64_FORMAT "\n",
			       reports->dropped);
}

char *prometheus_render(const struct prometheus_machine *machine)
{
	GString *text = g_string_new(NULL);

	info_add(text, machine);
	slots_add(text, machine);
	gauge_add(text, "committed", "Whether the running release is committed.",
		  machine->committed ? 1 : 0);
	gauge_add(text, "held", "Whether updates are on hold.", machine->held ? 1 : 0);
	gauge_add(text, "security_version", "Security version of the running release.",
		  machine->security_version);
	gauge_add(text, "floor", "Lowest security version that may boot.", machine->floor);
	gauge_add(text, "last_fault", "Number of the last fault, 0 for none.", machine->last_fault);
	if (machine->checked_us > 0) {
		help_add(text, "check_timestamp_seconds", "gauge",
			 "When a server last answered what there is to update to.");
		g_string_append(text, "azupdate_check_timestamp_seconds");
		time_add(text, machine->checked_us);
	}
	reports_add(text, &machine->reports);
	help_add(text, "metrics_timestamp_seconds", "gauge", "When this file was written.");
	g_string_append(text, "azupdate_metrics_timestamp_seconds");
	time_add(text, machine->updated_us);
	return g_string_free(text, FALSE);
}

gboolean prometheus_write(const char *path, const struct prometheus_machine *machine,
			  GError **error)
{
	g_autofree char *text = prometheus_render(machine);
	g_autoptr(GError) cause = NULL;

	/* Not flushed to the disk: after a power cut the next one is soon there. */
	return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644,
					&cause) ||
	       failure_set(error, FAULT_REPORT_METRICS, "%s", cause->message);
}

/* SPDX-License-Identifier: MIT */
#pragma once
/* Prometheus: the machine's state as a file for node_exporter's textfile collector. The metrics
 * are in docs/REPORTING.md, the format is that of
 * https://prometheus.io/docs/instrumenting/exposition_formats/ */

#include <glib.h>
#include <stdint.h>

#include "report.h"

struct prometheus_slot {
	const char *version; /* NULL: holds none */
	const char *state;   /* "empty", "staged", "trial", "good", "bad" */
	unsigned tries_left;
};

struct prometheus_machine {
	const char *product;
	const char *architecture;
	char running;       /* 'a', 'b'; 0: not known */
	char next;          /* the slot that the next boot starts; 0: none */
	gboolean committed; /* the running release */
	gboolean held;      /* updates are on hold */
	struct prometheus_slot slots[2];
	uint64_t security_version; /* of the running release */
	uint64_t floor;
	fault last_fault;   /* of the last job or boot that failed; FAULT_OK: none */
	int64_t checked_us; /* time of the last update check that was answered; 0: never */
	int64_t updated_us; /* when this was gathered */
	struct report_spool_state reports;
};

/* Pure; free with g_free(). */
char *prometheus_render(const struct prometheus_machine *machine);
/* Replaces the file atomically; whoever reads has the old one or the new one. The folder must be
 * there. FAULT_REPORT_METRICS. */
gboolean prometheus_write(const char *path, const struct prometheus_machine *machine,
			  GError **error);

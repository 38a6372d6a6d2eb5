/* SPDX-License-Identifier: MIT */
#pragma once
/* Report spool: the folder STATE/reports. Each event that is not delivered is a file named after
 * its number, so that a damaged one costs itself alone; state.json has what is about all of them.
 * */

#include <glib.h>
#include <stdint.h>

#include "backoff.h"
#include "report.h"

enum {
	REPORTSPOOL_EVENT_MAX = 8192, /* bytes of one file */
};

struct reportspool {
	char *folder;
	uint64_t sequence; /* of the last event */
	uint64_t dropped;
	uint64_t counts[REPORT_KIND_COUNT];
	int64_t last_us[REPORT_KIND_COUNT];
	struct backoff backoff; /* its clock is the time since 1970, in ms */
};

/* What is missing or damaged is as if it were new, but no number is given twice. */
void reportspool_init(struct reportspool *spool, const char *state_dir);
void reportspool_done(struct reportspool *spool);
/* Atomic and durable. FAULT_REPORT_SPOOL. */
gboolean reportspool_save(const struct reportspool *spool, GError **error);
/* Around reading, changing and saving the state, which takes a moment and no network. */
void reportspool_lock(void);
void reportspool_unlock(void);

/* Numbers of the events that are kept, of uint64_t, in order. */
GArray *reportspool_list(const struct reportspool *spool);
/* Keeps an event; spool->sequence + 1 is its number. The oldest ones give way and count as dropped.
 * Durable; the caller saves the spool. FAULT_REPORT_SPOOL. */
gboolean reportspool_add(struct reportspool *spool, const char *text, GError **error);
/* The event's text; NULL: it cannot be read, or is too long. Free with g_free(). */
char *reportspool_read(const struct reportspool *spool, uint64_t sequence);
gboolean reportspool_remove(const struct reportspool *spool, uint64_t sequence, GError **error);

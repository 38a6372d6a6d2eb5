/* SPDX-License-Identifier: MIT */
#pragma once
/* Reports: what happened to releases on this machine, told to the journal, and to a server that may
 * be away for a long time. docs/REPORTING.md has the journal's fields and message ids, and
 * schema/event.schema.json what the server gets.
 *
 * The spool is the folder STATE/reports, one file for each event that is not delivered yet. It
 * holds REPORT_SPOOL_MAX events; the oldest ones give way, and the next report says how many.
 *
 * Events may be kept while others are sent; only one report_send() at a time. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "fault.h"
#include "source.h"

enum {
	REPORT_REASON_MAX = 512, /* bytes; a longer reason is cut */
	REPORT_SPOOL_MAX = 256,  /* events */
	REPORT_BATCH_MAX = 32,   /* events in one POST */
	REPORT_TIME_S = 60,      /* one call */
	REPORT_ANSWER_MAX = 65536,
	REPORT_RETRY_FIRST_S = 60,
	REPORT_RETRY_MOST_S = 6 * 3600,
};

enum report_kind {
	REPORT_STAGED,      /* the release is in the inactive slot */
	REPORT_ACTIVATED,   /* it is the next boot */
	REPORT_COMMITTED,   /* it runs and has passed its health checks */
	REPORT_ROLLED_BACK, /* it failed, and the machine runs the one before it */
	REPORT_FAILED,      /* it could not be staged or activated */
	REPORT_STAYED,      /* it runs, is unhealthy, and no reboot follows */
	REPORT_KIND_COUNT
};

struct report_event {
	enum report_kind kind;
	const char *version;  /* of the release that this is about */
	const char *previous; /* the version that ran before, or runs now; NULL: not known */
	char slot;            /* 'a' or 'b', where the release is; 0: none */
	fault why;            /* of ROLLED_BACK, FAILED and STAYED; else FAULT_OK */
	const char *reason;   /* a sentence; NULL: the fault's */
	int64_t time_us;      /* since 1970; 0: now */
};

/* "staged", "activated", "committed", "rolled-back", "failed", "stayed" */
const char *report_kind_name(enum report_kind kind);
/* For catalogues and journalctl: 32 hexadecimal digits. */
const char *report_kind_message_id(enum report_kind kind);

/* Through GLib's structured log: to the journal where the program's stderr leads there, else as
 * text to stderr. Each event has fields of its own; see docs/REPORTING.md. */
void report_log(const struct report_event *event);

/* Counts the event, for the metrics, and, if `deliver`, keeps it for the server; it is on the disk
 * when this returns. FAULT_REPORT_SPOOL. */
gboolean report_keep(const char *state_dir, const struct report_event *event, gboolean deliver,
		     GError **error);

/* What is the sender's stays the caller's. */
struct report_sender {
	const char *url;
	const char *state_dir;
	const char *machine_id; /* fleetid_load() */
	const char *product;
	const char *architecture;
	const struct source_options *network; /* NULL: the defaults */
};
/* Delivers what the spool holds, oldest first, unless the last failure was so lately that a try is
 * not due yet; *ret_next_s says when the next one is, 0: nothing is left. An event may arrive
 * twice, with the same id. One that the server does not want (400, 413, 415, 422) is dropped with
 * a warning. FAULT_HTTP_STATUS; faults of httpcall.h; FAULT_REPORT_SPOOL. Also with a failure
 * *ret_next_s is set. */
gboolean report_send(const struct report_sender *sender, GCancellable *cancellable,
		     unsigned *ret_next_s, GError **error);

/* For `azupdate status` and the metrics. */
struct report_spool_state {
	unsigned waiting;
	uint64_t dropped;                   /* since the state folder was made */
	uint64_t counts[REPORT_KIND_COUNT]; /* events ever counted */
	int64_t last_us[REPORT_KIND_COUNT]; /* time of the last one of each kind; 0: none */
};
void report_spool_state(const char *state_dir, struct report_spool_state *ret_state);

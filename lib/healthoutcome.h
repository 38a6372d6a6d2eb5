/* SPDX-License-Identifier: MIT */
#pragma once
/* Health outcome: what one run of one check found, whatever kind of check it is. */

#include <gio/gio.h>
#include <glib.h>

#include "healthlist.h"

struct healthoutcome {
	fault why;         /* FAULT_OK: passed */
	gboolean is_final; /* another run is of no use */
	int exit_status;   /* -1: killed, not started, or no program */
	char *output;      /* owned; NULL: none */
	char *reason;      /* owned; what follows the check's name; NULL: passed */
};

static inline void healthoutcome_clear(struct healthoutcome *outcome)
{
	g_free(outcome->output);
	g_free(outcome->reason);
	*outcome = (struct healthoutcome){ .exit_status = -1 };
}

/* One run; `run` counts from 1. Thread-safe. */
typedef void (*healthoutcome_run)(const struct healthlist_entry *entry,
				  const struct health_options *options, unsigned run,
				  GCancellable *cancellable, struct healthoutcome *ret_outcome);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Transitions: the steps from one release to the next as the daemon does them, whoever wants them:
 * hooks are asked before and told after, and what was done is noted. For a job's thread. */

#include "etcstep.h"
#include "hookcall.h"
#include "machine.h"

struct transition {
	const struct config *config;
	struct machine *machine;
	struct job *job;
	const char *by;          /* who wants it, for hooks: "by hand", ...; static */
	gboolean rollback;       /* somebody goes back */
	enum etcstep_choice etc; /* what of /etc goes back with it */
};

/* What is wanted of an install, beyond its options. */
struct transition_stage {
	struct machine_install options; /* without allow and activate */
	void (*allowed)(gpointer data); /* called when no hook was against it; may be NULL */
	gpointer allowed_data;
};

/* As machine_install(), or machine_restore() of what is stored, with the hooks before and after
 * staging. */
gboolean transition_stage(const struct transition *transition, const struct transition_stage *stage,
			  struct machine_installed *ret_installed, GError **error);

/* As machine_activate() and machine_mark_good(). *ret_changed FALSE: it was so already, and no hook
 * was asked or told. */
gboolean transition_activate(const struct transition *transition, unsigned slot,
			     gboolean *ret_changed, GError **error);
gboolean transition_mark_good(const struct transition *transition, unsigned slot,
			      gboolean *ret_changed, GError **error);

/* After health checks that let this boot go on: tells hooks that the running release was
 * committed, or that another one was left for it; each once. Never fails. */
void transition_settle(const struct transition *transition, const struct machine_status *status);
/* A release was left, and `why` it was: as above, for who knows it from elsewhere. */
void transition_left(const struct transition *transition, const struct machine_status *status,
		     const struct hooks_event *event);

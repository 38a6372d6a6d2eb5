/* SPDX-License-Identifier: MIT */
#pragma once
/* Hook calls: hooks as the daemon asks and tells them; what they say is noted in the history, and
 * a veto is remembered for who asks why. For a job's thread: a hook may call azupdate, and gets
 * an answer, since the main thread is free; what would change something is refused with
 * FAULT_JOB_BUSY meanwhile. */

#include "hooks.h"
#include "job.h"

struct hookcall {
	const struct config *config;
	struct job *job; /* that is shown as asking them, and whose cancel ends them */
};

/* As hooks_run() of a kind that can veto. */
gboolean hookcall_ask(const struct hookcall *call, enum hooks_kind kind,
		      const struct hooks_event *event, GError **error);
/* Of a kind that cannot. Never fails: a hook that does is noted. */
void hookcall_tell(const struct hookcall *call, enum hooks_kind kind,
		   const struct hooks_event *event);
/* The veto that was met last and may stand still; NULL: none. The caller frees. */
char *hookcall_veto(const struct config *config);

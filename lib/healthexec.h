/* SPDX-License-Identifier: MIT */
#pragma once
/* Health execution: runs one program once, alone in its own session, with nothing inherited. */

#include <gio/gio.h>
#include <glib.h>

#include "health.h"

enum { HEALTHEXEC_FIRST_MAX = 256 };

enum healthexec_end {
	HEALTHEXEC_EXITED,
	HEALTHEXEC_KILLED,    /* by a signal that was not ours */
	HEALTHEXEC_TIMEOUT,   /* killed by us with its whole process group */
	HEALTHEXEC_CANCELLED, /* likewise */
	HEALTHEXEC_NOT_STARTED,
};

struct healthexec_result {
	enum healthexec_end end;
	int number;   /* exit status, signal, or errno, as `end` says */
	char *output; /* the last HEALTH_OUTPUT_MAX bytes of it, valid UTF-8 */
	/* Its first line, or the first HEALTHEXEC_FIRST_MAX bytes of that; valid UTF-8 without
	 * control characters. */
	char first[HEALTHEXEC_FIRST_MAX + 1];
};

/* Thread-safe. When it returns, no process of the program's group is left. The environment is
 * `environment` and nothing else. Free ret_result->output with g_free(). */
void healthexec_run(const char *path, char *const environment[], unsigned timeout_s,
		    GCancellable *cancellable, struct healthexec_result *ret_result);

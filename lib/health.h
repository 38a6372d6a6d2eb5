/* SPDX-License-Identifier: MIT */
#pragma once
/* Health: runs the checks and says whether the running release may be committed.
 *
 * A check is an executable in FOLDER/required.d or FOLDER/wanted.d. Exit status 0 is good. A check
 * that does not end within its timeout is killed with its whole process group and has failed. A
 * failed check is run again up to `retries` times. A file of the same name in an earlier folder
 * is masked by a later folder (so /etc overrides /usr); a link to /dev/null takes a check out.
 * Files and folders that others than root can write are refused: FAULT_HEALTH_FOLDER. */

#include <gio/gio.h>
#include <glib.h>

#include "fault.h"

enum { HEALTH_OUTPUT_MAX = 4096 }; /* bytes kept of each check's output */

struct health_check {
	char *name;
	gboolean required;
	gboolean passed;
	fault why;       /* FAULT_OK, FAULT_HEALTH_REQUIRED (exit status), _TIMEOUT, _RUN */
	int exit_status; /* of the last run; -1: killed or not started */
	unsigned runs;
	unsigned duration_ms;
	char *output; /* the last HEALTH_OUTPUT_MAX bytes of both outputs, UTF-8 */
};

struct health_result {
	GPtrArray *checks; /* of struct health_check */
	gboolean healthy;  /* every required check passed */
	fault why;         /* FAULT_OK or of the first required check that failed */
	char *reason;      /* one sentence for status: check "network" failed: exit status 1 */
};
typedef struct health_result HealthResult; /* for g_autoptr() only */

struct health_options {
	char **folders; /* NULL-terminated, later ones mask earlier ones */
	unsigned timeout_s;
	unsigned retries;
	gboolean trust_owner; /* tests: accept files of the calling user instead of root */
};

/* NULL only if cancelled or a folder is refused; no checks at all is healthy. */
struct health_result *health_run(const struct health_options *options, GCancellable *cancellable,
				 GError **error);
void health_result_free(struct health_result *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HealthResult, health_result_free)

/* SPDX-License-Identifier: MIT */
#pragma once
/* Job waiting: follows a job to its end, with a progress bar on a terminal, one line per step
 * otherwise, nothing with --json. Interrupting cancels the job. */

#include "client.h"

/* FALSE with the job's own failure. `ret_job` has the result in any case that a job ended. */
gboolean jobwait_run(struct cli *cli, const char *path, BusJob **ret_job, GError **error);

/* What a job is and did, for --json; floating. */
GVariant *jobwait_encode(const char *path, BusJob *job);

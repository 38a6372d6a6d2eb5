/* SPDX-License-Identifier: MIT */
#pragma once
/* Job waiting: follows a job to its end and shows its progress, as --progress says. Interrupting
 * cancels the job. */

#include "client.h"

/* FALSE with the job's own failure. *ret_outcome is what jobwait_encode() gives for the ended job,
 * also for one that failed; it stays NULL if the job's end was not seen. */
gboolean jobwait_run(struct cli *cli, const char *path, GVariant **ret_outcome, GError **error);

/* The job's result out of its outcome. */
GVariant *jobwait_result(GVariant *outcome);

/* What a job is and did, for --json; floating. */
GVariant *jobwait_encode(const char *path, BusJob *job);

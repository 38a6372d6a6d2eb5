/* SPDX-License-Identifier: MIT */
#pragma once
/* Checked slots: what jobs that verify or repair a slot found and did. */

#include "cli.h"

/* Waits for the job and shows its result, also of a job that failed: what is wrong is what was
 * asked for. Then with --json the job's line says why it failed, and there is no error to set. */
int checked_finish(struct cli *cli, const char *path, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Progress: shows how far a job is: a bar or one line per step on standard error, or one line of
 * JSON per change on standard output. */

#include "bus.h"
#include "cli.h"

struct progress;

struct progress *progress_new(enum cli_progress style, const char *path);
/* Whenever something changed. */
void progress_show(struct progress *progress, BusJob *job);
/* Every now and then: a bar shows also that nothing has changed for a while. */
void progress_tick(struct progress *progress, BusJob *job);
/* Leaves the terminal at the begin of a line. */
void progress_free(struct progress *progress);

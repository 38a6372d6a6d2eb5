/* SPDX-License-Identifier: MIT */
#pragma once
/* Run of fleetsim: the life of each machine. Machines do not know of each other, so each lives
 * from the first to the last day on its own, from one time that the policy tells to the next. */

#include "story.h"
#include "tally.h"

/* Machines first..end-1. */
void run_machines(const struct story *story, int first, int end, struct tally *tally);
/* One machine, told to stdout: a line for each step, and azupdate why at the end. */
void run_told(const struct story *story, int number, struct tally *tally);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Report of fleetsim: what came of it, as text or JSON, on stdout. */

#include "story.h"
#include "tally.h"

/* FALSE: the numbers do not add up, or something happened that must not; it is told on stderr. */
gboolean report_check(const struct story *story, const struct tally *tally);
void report_print(const struct story *story, const struct tally *tally);
void report_print_json(const struct story *story, const struct tally *tally);

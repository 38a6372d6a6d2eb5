/* SPDX-License-Identifier: MIT */
#pragma once
/* Health program: runs a check that is an executable, or a script of greenboot's. */

#include "healthoutcome.h"

/* A healthoutcome_run. */
void healthprogram_run(const struct healthlist_entry *entry, const struct health_options *options,
		       unsigned run, GCancellable *cancellable, struct healthoutcome *ret_outcome);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Health unit: the check that a unit of systemd runs steadily; unitjudge.h says what that is. */

#include "healthoutcome.h"

/* A healthoutcome_run. */
void healthunit_run(const struct healthlist_entry *entry, const struct health_options *options,
		    unsigned run, GCancellable *cancellable, struct healthoutcome *ret_outcome);

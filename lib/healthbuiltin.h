/* SPDX-License-Identifier: MIT */
#pragma once
/* Health built-in: the checks that need no program.
 *
 *   root          the running root is dm-verity's, with the running slot's root hash, and no wrong
 *                 block was met
 *   failed-units  no unit of systemd has failed, but for the excepted ones
 *   network       an interface is up, with an address and a default route; waits for it
 *   etc           what the release keeps of local changes of /etc is in force, and more can be made
 *   clock         the clock is not before the release's build, nor far after it; waits for it
 *   space         var has as many MiB free as configured
 *   source        the repository answers; only as a wanted check: a server that is down must not
 *                 send machines back */

#include "healthoutcome.h"

/* A word of the list of required ones: for root where health_options.root_is_verified, and for etc
 * where health_options.etc_is_kept. */
#define HEALTHBUILTIN_AUTO "auto"

/* A healthoutcome_run. */
void healthbuiltin_run(const struct healthlist_entry *entry, const struct health_options *options,
		       unsigned run, GCancellable *cancellable, struct healthoutcome *ret_outcome);
gboolean healthbuiltin_is_known(const char *name);
/* Whether it may decide over a release. */
gboolean healthbuiltin_may_be_required(const char *name);

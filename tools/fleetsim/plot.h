/* SPDX-License-Identifier: MIT */
#pragma once
/* Plot of fleetsim: one SVG. Above, the share of machines that took each release, over time; below,
 * requests a minute. */

#include "story.h"
#include "tally.h"

/* FAULT_BUILD_OUTPUT. */
gboolean plot_write(const char *path, const struct story *story, const struct tally *tally,
		    GError **error);

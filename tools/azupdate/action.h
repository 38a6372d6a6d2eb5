/* SPDX-License-Identifier: MIT */
#pragma once
/* Actions: what changes how one slot stands. */

#include "client.h"

struct action {
	const char *done; /* "activated", "marked good", "marked bad" */
	const char *slot;
	gboolean changed; /* FALSE: it was so already */
};

/* Says what was done, and what the next boot is now. */
int action_show(struct cli *cli, const struct action *action, GError **error);

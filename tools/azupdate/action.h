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

/* A command whose only operand is a slot, and what azupdated is to do with it. */
struct action_slot {
	const char *done;                                        /* as above */
	char *(*otherwise)(BusManager *manager, GError **error); /* the slot, if none is named */
	gboolean (*call)(BusManager *manager, const char *slot, gboolean *ret_changed,
			 GCancellable *cancellable, GError **error);
};
int action_slot_run(struct cli *cli, int argc, char **argv, const struct action_slot *action,
		    GError **error);

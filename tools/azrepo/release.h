/* SPDX-License-Identifier: MIT */
#pragma once
/* What the commands share that change a release in a channel. */

#include "command.h"
#include "place.h"

struct release_change {
	struct place place;
	struct command_signing signing;
};

/* Called with the channel's document; changes it. */
typedef gboolean (*release_func)(struct repository *repository, const struct place *place,
				 json_t *document, const char *version, GError **error);

/* argv: REPO VERSION. Opens, lets `change` do its work on the channel's document, stores it, and
 * finishes. `create`: the channel may be a new one. FAULT_AZREPO_NAME: no version. */
gboolean release_change(char **argv, struct release_change *options, gboolean create,
			release_func change, GError **error);

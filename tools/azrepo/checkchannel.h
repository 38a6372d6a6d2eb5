/* SPDX-License-Identifier: MIT */
#pragma once
/* What would keep machines from following a channel, although it is well-formed. Pure. */

#include <glib.h>

#include "channel.h"
#include "json.h"

/* `target`: the channel's name in the repository; `bundles`: what targets lists. Sentences, none if
 * all is well; the caller unrefs. */
GPtrArray *checkchannel_run(const struct channel *channel, const char *target,
			    const json_t *bundles);

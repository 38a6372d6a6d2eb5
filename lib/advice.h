/* SPDX-License-Identifier: MIT */
#pragma once
/* Advice: what another update server (Omaha) said last, kept in STATE/advice.json. It is not
 * signed, so that it only chooses among what the channel has. */

#include <glib.h>

#include "channel.h"

enum advice_kind {
	ADVICE_NONE, /* nobody was asked yet */
	ADVICE_TAKE, /* move to `version` */
	ADVICE_WAIT, /* nothing for this machine now: `words` says why */
};

struct advice {
	enum advice_kind kind;
	char *version; /* of ADVICE_TAKE */
	char *words;   /* of ADVICE_WAIT, the server's */
};
typedef struct advice Advice; /* for g_auto() only */

/* ADVICE_NONE where there is no file, or a damaged one: that is told in the log. */
struct advice advice_load(const char *state_dir);
/* Atomic. FAULT_STATE_FILE. */
gboolean advice_save(const char *state_dir, const struct advice *advice, GError **error);
void advice_clear(struct advice *advice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Advice, advice_clear)

/* Pure: leaves in the channel the advised release, and the barriers before it. */
void advice_apply(const struct advice *advice, struct channel *channel);

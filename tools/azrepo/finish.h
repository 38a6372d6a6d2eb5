/* SPDX-License-Identifier: MIT */
#pragma once
/* Finishing a change: the draft is signed with the keys that are at hand, and what is signed enough
 * is published, in an order that leaves a client with a whole repository at each moment.
 *
 * A document must suffice for who trusts the published root and for who trusts the next one: it is
 * signed by old and new keys while keys are replaced. So new versioned files, then timestamp.json,
 * then the new root can appear one after another, and a client in between sees the old or the new
 * repository, never half of one. Only where an old key is lost must the root come first. */

#include <glib.h>

#include "keychain.h"
#include "repository.h"

/* What of the draft waits for whose signatures. */
struct finish_wait {
	enum role role;
	json_t *envelope;          /* borrowed */
	struct role_spec specs[2]; /* all must be met */
	unsigned spec_count;
};

/* Signs, publishes what is complete, keeps the rest as the draft. With `prepare` the rest is also
 * written there as a request (request.h); without it, FAULT_AZREPO_KEY_MISSING names the keys that
 * are not at hand, and nothing was changed. */
gboolean finish(struct repository *repository, struct keychain *keychain, const char *prepare,
		GError **error);

/* Carries on what a killed command began; what waits goes on waiting. */
gboolean finish_resume(struct repository *repository, GError **error);

/* What the draft waits for, at most ROLE_COUNT; the count. Signs nothing. */
unsigned finish_waits(const struct repository *repository,
		      struct finish_wait ret_waits[static ROLE_COUNT]);

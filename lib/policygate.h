/* SPDX-License-Identifier: MIT */
#pragma once
/* Gates of the policy: what keeps a release that should be taken from being taken now. Parts of
 * policy_decide(), for policy.c alone. Each notes its reasons in the decision. */

#include "policy.h"

/* Each once, and the first POLICY_REASONS_MAX. */
void policygate_note(struct policy_decision *decision, struct policy_reason reason);

/* true: nothing stands against staging `release` now. */
bool policygate_stage(const struct policy_input *input, const struct channel_release *release,
		      struct policy_decision *decision);
/* The same of making it the next boot, where nobody but people reboots. */
bool policygate_activate(const struct policy_input *input, const struct channel_release *release,
			 struct policy_decision *decision);
/* The same of rebooting into it, before lock and users are looked at. */
bool policygate_reboot(const struct policy_input *input, const struct channel_release *release,
		       struct policy_decision *decision);

/* A number below `range` that this machine always has for that salt. */
int64_t policygate_jitter(const struct policy_machine *machine, int64_t salt, int64_t range);
const struct policy_attempt *policygate_attempt(const struct policy_state *state,
						const char *version);

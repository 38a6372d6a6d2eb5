/* SPDX-License-Identifier: MIT */
#pragma once
/* Choice of the policy: which release a machine should move to. A part of policy_decide(), for
 * policy.c alone. */

#include "policy.h"

struct policypick {
	const struct channel_release *target; /* to move to, or NULL */
	bool staged_good; /* what is staged is one of the channel's that this machine may boot */
	bool staged_bad;  /* it must not boot: revoked, under the floor */
	int64_t turn_s;   /* when the next turn in a wave comes, INT64_MAX: none will */
};

/* Notes in the decision why releases are passed over, and sets decision->urgent. The channel must
 * be known, and the running release. */
struct policypick policypick_choose(const struct policy_input *input,
				    struct policy_decision *decision);

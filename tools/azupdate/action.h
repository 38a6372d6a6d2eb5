/* SPDX-License-Identifier: MIT */
#pragma once
/* Actions: what changes one slot at once and has nothing to wait for. */

#include "client.h"

/* Says what was done to `slot`, and what the next boot is now. */
int action_show(struct cli *cli, const char *action, const char *slot, GError **error);

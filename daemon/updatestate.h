/* SPDX-License-Identifier: MIT */
#pragma once
/* Update state: the policy's state file, which a job's thread and calls of the bus change side by
 * side. Each change is made between begin and end, with a lock held. */

#include "config.h"
#include "policystate.h"

/* NULL with a failure, and then nothing is locked. */
struct policystate *updatestate_begin(const struct config *config, GError **error);
/* Saves and frees the state; unlocks also with a failure. */
gboolean updatestate_end(const struct config *config, struct policystate *state, GError **error);

/* One line of JSON, as history.schema.json has it; free with g_free(). */
char *updatestate_history(const struct config *config, GError **error);

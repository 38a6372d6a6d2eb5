/* SPDX-License-Identifier: MIT */
#pragma once
/* Commands of the fault loops that keep what they know in the state folder: the policy's holds, and
 * what was last seen of a repository. Neither touches a slot. */

#include "fixture.h"

/* Makes the repository; needs $AZREPO. */
void state_repository_make(struct fixture *fixture);

/* A second hold, beside one that is there: neither may be lost. */
void state_hold_prepare(struct fixture *fixture);
gboolean state_hold_run(struct fixture *fixture, struct machine *machine, GError **error);
gboolean state_hold_is_done(struct fixture *fixture);

/* Asks the repository, and reads a document that it lists. */
gboolean state_refresh_run(struct fixture *fixture, struct machine *machine, GError **error);
gboolean state_refresh_is_done(struct fixture *fixture);

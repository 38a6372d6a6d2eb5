/* SPDX-License-Identifier: MIT */
#pragma once
/* Changes: the methods of /org/azupdate/Update1 by which somebody decides about a slot by hand:
 * Activate, Rollback, MarkGood, MarkBad. Each is a job, since hooks take their time, and the call
 * is answered when the job has ended. */

#include "bus.h"
#include "server.h"

void changes_connect(BusManager *manager, struct server *server);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Health methods: what the manager's face on the bus has of past health checks, and the hold. They
 * need no machine, so they can be called while a job runs. */

#include "bus.h"
#include "server.h"

void healthmethods_connect(BusManager *manager, struct server *server);

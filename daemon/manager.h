/* SPDX-License-Identifier: MIT */
#pragma once
/* Manager: the methods of /org/azupdate/Update1. */

#include "bus.h"
#include "server.h"

void manager_connect(BusManager *manager, struct server *server);

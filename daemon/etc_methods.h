/* SPDX-License-Identifier: MIT */
#pragma once
/* /etc methods: those of the manager that have to do with local changes of /etc. Each reads many
 * files, so it runs in a thread, and is answered from there. */

#include "bus.h"
#include "server.h"

void etc_methods_connect(BusManager *manager, struct server *server);

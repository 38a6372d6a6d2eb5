/* SPDX-License-Identifier: MIT */
#pragma once
/* Updates: the methods of the interface org.azupdate.Update1.Updates. */

#include "bus.h"
#include "server.h"

void updates_connect(BusUpdates *updates, struct server *server);

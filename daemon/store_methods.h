/* SPDX-License-Identifier: MIT */
#pragma once
/* Store methods: those of the manager that have to do with the store of past releases, and the job
 * that stores a release after it was committed. */

#include "bus.h"
#include "server.h"

void store_methods_connect(BusManager *manager, struct server *server);

/* Starts to store the running release, if past releases are kept here; that it could not be started
 * is only logged. Calls that need the machine need not wait for its end: it gives way to them. For
 * the main thread, while no job runs. */
void store_methods_follow(struct server *server);

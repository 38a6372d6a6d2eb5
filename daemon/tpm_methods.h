/* SPDX-License-Identifier: MIT */
#pragma once
/* TPM methods: those of the manager that have to do with the encrypted var. */

#include "bus.h"
#include "server.h"

void tpm_methods_connect(BusManager *manager, struct server *server);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Standing: what others see of how this boot stands: the hardware's watchdog, armed until it is
 * committed; the state that is published for azhealthd; the message for who logs in. Nothing here
 * fails: a machine must be judged and updated although nobody can be told. */

#include "server.h"

/* Before the checks of this boot. For a job's thread. */
void standing_begin(struct server *server, struct machine *machine);
/* After them, or after it was committed by hand. For a job's thread. */
void standing_judged(struct server *server, struct machine *machine, gboolean healthy);

/* "armed", "missing", or "" where the watchdog was left alone. */
const char *standing_watchdog(const struct config *config);

/* Writes the message, or takes it away, if it has changed. */
void standing_message(const struct config *config, const struct machine_status *status);

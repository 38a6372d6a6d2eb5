/* SPDX-License-Identifier: MIT */
#pragma once
/* Run unit: a program as a transient unit of systemd, org.freedesktop.systemd1(5). */

#include "healthexec.h"
#include "runoutput.h"

/* Whether somebody owns systemd's name there; FALSE for NULL. */
gboolean rununit_is_there(GDBusConnection *bus);
/* Sets end, number and, if it was not started, first of the result. When it returns, systemd has
 * ended the unit, or was given 10 seconds for it. */
void rununit_run(const struct healthexec_program *program, GCancellable *cancellable,
		 struct runoutput *output, struct healthexec_result *result);

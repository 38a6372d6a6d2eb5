/* SPDX-License-Identifier: MIT */
#pragma once
/* Run process: a program as a child of ours, in a session and a cage of its own. */

#include "healthexec.h"
#include "runcage.h"
#include "runoutput.h"

/* Sets end and number of the result. When it returns, nobody is left in the cage. */
void runproc_run(const struct healthexec_program *program, struct runcage *cage,
		 GCancellable *cancellable, struct runoutput *output,
		 struct healthexec_result *result);

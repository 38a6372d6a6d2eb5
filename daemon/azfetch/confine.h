/* SPDX-License-Identifier: MIT */
#pragma once
/* Confinement: gives up every right that a worker does not need, before it sees the first byte
 * from outside. docs/WORKER.md has the list, and what is left where a kernel has not all. */

#include <glib.h>

#include "worker.h"

/* What binds the process afterwards, of enum workerwire_bound. 0 with FAULT_WORKER_CONFINE: one of
 * those that must be there is not; the process should then do nothing any more. */
unsigned confine(enum worker_kind kind, GError **error);

/* The parts: 0, or the number of the error. */
int confine_landlock(enum worker_kind kind);
int confine_seccomp(enum worker_kind kind);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Inflow: what comes in from the bus, bounded before anything else sees it.
 *
 * The system bus lets any user send messages of 32 MiB, and many at once. What is too large to mean
 * anything, or comes from a caller of whom too much waits already, is answered at once with a
 * failure, in the bus' own thread, and is gone. */

#include <gio/gio.h>

enum {
	INFLOW_CALLS_MAX = 16,         /* of one connection, not answered yet */
	INFLOW_BODY_BYTES_MAX = 16384, /* the largest that is of use is an address of 2048 bytes */
	INFLOW_DESCRIPTORS_MAX = 4,    /* TpmEnroll takes three */
};

struct inflow;

/* Borrows `bus`. */
struct inflow *inflow_new(GDBusConnection *bus);
/* After it no message is looked at. */
void inflow_free(struct inflow *inflow);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Callers: the one place that decides who may call what.
 *
 * The decision is made before the object's own code sees the call, on the message as it came in:
 * the caller cannot change it any more, and hands files over as descriptors that it has opened
 * itself. The very arguments that polkit was told of are the ones that are carried out. Root, and
 * the daemon's own user in a test, may do everything; others what polkit allows them (actions.h).
 * Nobody waits for somebody else's decision. */

#include <gio/gio.h>

enum {
	CALLER_QUESTIONS_MAX = 8, /* of one user, that polkit has not answered yet */
	CALLER_WAITING_MAX = 8,   /* of all, that wait for way */
};

struct caller_gate;

/* Asked for each allowed call that is not done beside a job (actions.h). TRUE: it has to wait until
 * caller_gate_go(). */
typedef gboolean (*caller_way)(gpointer way_data);

/* Borrows `bus`. */
struct caller_gate *caller_gate_new(GDBusConnection *bus, caller_way make_way, gpointer way_data);
/* Refuses what has not been passed on yet. After the guarded objects have left the bus. */
void caller_gate_free(struct caller_gate *gate);
/* Passes on the calls that had to wait, in no order. */
void caller_gate_go(struct caller_gate *gate);
/* Whether a call waits, for a decision or for way: the daemon must stay. */
gboolean caller_gate_is_busy(const struct caller_gate *gate);

/* Puts the gate before all methods of an object; the gate must outlive it. */
void caller_guard(struct caller_gate *gate, GDBusInterfaceSkeleton *skeleton);

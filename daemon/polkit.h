/* SPDX-License-Identifier: MIT */
#pragma once
/* Polkit: asks it whether a caller may do something, without waiting for the answer.
 *
 * The interface is org.freedesktop.PolicyKit1.Authority, spoken directly. The subject is the
 * caller's unique name on the bus: the bus never gives a name out a second time, so that nobody can
 * step into the place of a caller who has left, as with a process number. */

#include <gio/gio.h>

struct polkit_ask {
	GDBusConnection *bus; /* borrowed */
	const char *caller;   /* unique name */
	const char *action;   /* its id */
	GVariant *details;    /* a{ss}, floating; taken */
	gboolean interactive; /* the caller is ready to be asked for a password */
	const char *id;       /* of this question, to take it back; unique on this connection */
	GCancellable *cancellable; /* when it is cancelled, the question is taken back */
};

enum polkit_answer {
	POLKIT_NO,   /* also when polkit does not answer, or not in time */
	POLKIT_AUTH, /* only after an authentication, which was not asked for or did not succeed */
	POLKIT_ABSENT, /* there is no polkit on this bus */
	POLKIT_YES,
};

/* `answered` is called in the main thread, always, and only once; the callback's `why` says what
 * went wrong, or is NULL. */
typedef void (*polkit_func)(enum polkit_answer answer, const char *why, gpointer user_data);
void polkit_check(const struct polkit_ask *ask, polkit_func answered, gpointer user_data);

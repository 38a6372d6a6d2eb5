/* SPDX-License-Identifier: MIT */
#pragma once
/* HTTP: answers GET and HEAD for two addresses on a socket that listens already, within bounds.
 * The one file that includes libmicrohttpd is healthhttp.c. */

#include <glib.h>

enum {
	HEALTHHTTP_CONNECTIONS_MAX = 32, /* at a time; more wait in the socket's queue */
	HEALTHHTTP_REQUEST_MAX = 4096, /* bytes of memory for one connection, request and answer */
	HEALTHHTTP_QUIET_S = 5,        /* a connection on which nothing moves is closed */
	HEALTHHTTP_TIME_S = 10,        /* one in all */
};

struct healthhttp_options {
	int socket;          /* listens; owned from now on */
	const char *run_dir; /* where the health state is published */
	unsigned idle_s;     /* leave after so long without a request; 0: stay */
};

/* Runs until it is idle, or `*stop` is set by a signal's handler. FAULT_HEALTH_SOCKET. */
gboolean healthhttp_run(const struct healthhttp_options *options, const volatile int *stop,
			GError **error);

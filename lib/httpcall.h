/* SPDX-License-Identifier: MIT */
#pragma once
/* HTTP calls: small requests to the servers that a fleet has, each with a limit on the answer and
 * on the time. Redirects are not followed, since a call may carry what is meant for this server
 * alone; a status is no error here. Nothing that comes back is trusted. */

#include <gio/gio.h>
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "source.h"

enum {
	HTTPCALL_BODY_MAX = 1024 * 1024, /* of a request */
	HTTPCALL_TIME_S_MAX = 3600,
};

struct httpcall {
	const char *url;            /* http or https; user and password in it are sent as Basic */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *body;           /* is sent by POST; NULL: GET */
	size_t body_bytes;          /* up to HTTPCALL_BODY_MAX */
	size_t answer_max;          /* bytes; a longer answer is FAULT_CALL_SIZE */
	unsigned time_s; /* for all of it, 1 to HTTPCALL_TIME_S_MAX; then FAULT_CALL_TIME */
};

struct httpcall_answer {
	unsigned status;        /* 200 to 599 */
	unsigned retry_after_s; /* 0: the server did not say */
	char *body;             /* with a NUL behind it that does not count; owned */
	size_t body_bytes;
};
void httpcall_answer_clear(struct httpcall_answer *answer);

/* One try. `network`: of it proxy, ca_file, certificate, key and connect_time_s are used; NULL: the
 * defaults. Blocks; a cancel is noticed within 0.1 s: FAULT_JOB_CANCELLED. Thread-safe.
 * FAULT_HTTP_URL, _CONNECT, _TLS, _TRANSFER, _ANSWER; FAULT_CALL_SIZE, FAULT_CALL_TIME. */
gboolean httpcall_run(const struct httpcall *call, const struct source_options *network,
		      GCancellable *cancellable, struct httpcall_answer *ret_answer,
		      GError **error);
/* Whether such a failure, or such a status, may pass by itself. */
gboolean httpcall_may_pass(const GError *error);
gboolean httpcall_status_may_pass(unsigned status);

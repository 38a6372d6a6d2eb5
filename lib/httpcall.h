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

/* What an answer is to be read as (callform.h), which the process does that fetches it. */
enum httpcall_form_kind {
	HTTPCALL_RAW, /* nothing: its bytes */
	HTTPCALL_OMAHA,
	HTTPCALL_FLEETLOCK,
	HTTPCALL_FORM_COUNT
};

struct httpcall_form {
	enum httpcall_form_kind kind;
	const char *app;  /* of HTTPCALL_OMAHA, as in omahaxml_decode() */
	gboolean checked; /* likewise */
};

struct httpcall {
	const char *url;            /* http or https; user and password in it are sent as Basic */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *body;           /* is sent by POST; NULL: GET */
	size_t body_bytes;          /* up to HTTPCALL_BODY_MAX */
	size_t answer_max;          /* bytes; a longer answer is FAULT_CALL_SIZE */
	unsigned time_s; /* for all of it, 1 to HTTPCALL_TIME_S_MAX; then FAULT_CALL_TIME */
	struct httpcall_form form;
};

struct httpcall_answer {
	unsigned status;        /* 200 to 599 */
	unsigned retry_after_s; /* 0: the server did not say */
	char *body; /* or the struct of its form; with a NUL behind it that does not count; owned */
	size_t body_bytes;
};
void httpcall_answer_clear(struct httpcall_answer *answer);

/* One try. `network`: of it proxy, ca_file, certificate, key and connect_time_s are used; NULL: the
 * defaults. Blocks; a cancel is noticed within 0.1 s: FAULT_JOB_CANCELLED. Thread-safe.
 * FAULT_HTTP_URL, _CONNECT, _TLS, _TRANSFER, _ANSWER; FAULT_CALL_SIZE, FAULT_CALL_TIME; what
 * callform_apply() fails with. */
gboolean httpcall_run(const struct httpcall *call, const struct source_options *network,
		      GCancellable *cancellable, struct httpcall_answer *ret_answer,
		      GError **error);
/* Whether such a failure, or such a status, may pass by itself. */
gboolean httpcall_may_pass(const GError *error);
gboolean httpcall_status_may_pass(unsigned status);

/* SPDX-License-Identifier: MIT */
/* One GET of a whole file, with its limits of bytes, time and speed. */
#include <string.h>

#include "failure.h"
#include "httpanswer.h"
#include "tufget_private.h"

enum {
	WAIT_MS = 100,       /* a cancel is noticed within this */
	IGNORED_MAX = 32768, /* bytes of a page that says no, so that the connection can go on */
};

/* One file, over all its redirects. */
struct fetch {
	struct tufget *get;
	const char *name;
	size_t max;
	int64_t end_us;
	struct transfer_url home; /* as it was asked for: whom user and password are for */
	struct transfer_url url;
	struct transfer *transfer;
	struct httpanswer answer;
	GByteArray *body;
	size_t ignored_bytes;
	gboolean over; /* more than `max` */
	enum transfer_result result;
	char *text; /* of the end; NULL: it is on its way */
};

static enum transfer_step fetch_header(gpointer user_data, const char *line, size_t size_bytes)
{
	struct fetch *fetch = user_data;

	return httpanswer_add(&fetch->answer, line, size_bytes) ? TRANSFER_MORE : TRANSFER_STOP;
}

/* What comes with another status than 200 is for people, and not taken. */
static enum transfer_step fetch_body(gpointer user_data, const uint8_t *bytes, size_t size_bytes)
{
	struct fetch *fetch = user_data;

	fetch->get->minimum.bytes += size_bytes;
	if (fetch->answer.status != 200) {
		fetch->ignored_bytes += size_bytes;
		return fetch->ignored_bytes > IGNORED_MAX ? TRANSFER_STOP : TRANSFER_MORE;
	}
	fetch->over = size_bytes > fetch->max - fetch->body->len;
	if (fetch->over)
		return TRANSFER_STOP;
	g_byte_array_append(fetch->body, bytes, (guint)size_bytes);
	return TRANSFER_MORE;
}

static void fetch_ended(gpointer user_data, enum transfer_result result, const char *text)
{
	struct fetch *fetch = user_data;

	fetch->transfer = NULL;
	fetch->result = result;
	fetch->text = g_strdup(text);
}

struct transfers *tufget_transfers_new(const struct source_options *options)
{
	static const struct transfer_events EVENTS = { .header = fetch_header,
						       .body = fetch_body,
						       .ended = fetch_ended };

	return transfers_new(options, &EVENTS);
}

/* --- one request --- */

static void fetch_start(struct fetch *fetch)
{
	const gboolean home = g_str_equal(fetch->url.origin, fetch->home.origin);
	const struct transfer_request request = {
		.url = fetch->url.text,
		.user = home ? fetch->home.user : NULL,
		.password = home ? fetch->home.password : NULL,
		.trusted = home,
		.whole = TRUE,
		.user_data = fetch,
	};

	httpanswer_clear(&fetch->answer);
	fetch->answer = (struct httpanswer){ 0 };
	g_clear_pointer(&fetch->text, g_free);
	pace_minimum_start(&fetch->get->minimum, g_get_monotonic_time());
	fetch->transfer = transfer_start(fetch->get->transfers, &request);
}

static gboolean pace_check(struct fetch *fetch, GError **error)
{
	const int64_t now_us = g_get_monotonic_time();

	if (g_cancellable_is_cancelled(fetch->get->cancellable))
		return failure_set(error, FAULT_JOB_CANCELLED, "%s: cancelled", fetch->name);
	if (now_us >= fetch->end_us)
		return failure_set(error, FAULT_REPO_SLOW,
				   "%s has not come within %" G_GINT64_FORMAT " s", fetch->name,
				   fetch->get->file_time_us / G_USEC_PER_SEC);
	if (pace_minimum_missed(&fetch->get->minimum, now_us))
		return failure_set(error, FAULT_REPO_SLOW,
				   "%s comes with less than %" G_GUINT64_FORMAT " bytes a second",
				   fetch->name, fetch->get->minimum.bytes_s);
	return TRUE;
}

static gboolean fetch_wait(struct fetch *fetch, GError **error)
{
	for (;;) {
		transfers_move(fetch->get->transfers);
		if (fetch->text != NULL)
			return TRUE;
		if (!pace_check(fetch, error)) {
			transfer_stop(fetch->transfer);
			return FALSE;
		}
		transfers_wait(fetch->get->transfers, WAIT_MS);
	}
}

/* --- what came of it --- */

static gboolean broken_tell(const struct fetch *fetch, GError **error)
{
	fault why = FAULT_HTTP_TRANSFER;

	switch (fetch->result) {
	case TRANSFER_CONNECT:
	case TRANSFER_PROXY:
		why = FAULT_HTTP_CONNECT;
		break;
	case TRANSFER_TLS:
	case TRANSFER_TRUST:
		why = FAULT_HTTP_TLS;
		break;
	case TRANSFER_ANSWER:
	case TRANSFER_STOPPED: /* only a header without end stops it before its status counts */
		why = FAULT_HTTP_ANSWER;
		break;
	case TRANSFER_LOST:
	case TRANSFER_DONE:
		break;
	}
	return failure_set(error, why, "%s: %s", fetch->name, fetch->text);
}

static gboolean is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static gboolean is_absent(unsigned status)
{
	return status == 403 || status == 404 || status == 410;
}

static gboolean redirect_take(struct fetch *fetch, GError **error)
{
	struct transfer_url url;

	if (fetch->answer.location == NULL ||
	    !transfer_url_parse(fetch->url.text, fetch->answer.location, &url))
		return failure_set(error, FAULT_HTTP_REDIRECT,
				   "%s: the server redirects to what is no http or https address",
				   fetch->name);
	if (!url.secure && (fetch->url.secure || fetch->home.secure)) {
		transfer_url_clear(&url);
		return failure_set(error, FAULT_HTTP_REDIRECT,
				   "%s: the server redirects from https to http", fetch->name);
	}
	transfer_url_clear(&fetch->url);
	fetch->url = url;
	return TRUE;
}

/* TRUE with *ret_again: at another address. */
static gboolean answer_judge(struct fetch *fetch, gboolean *ret_again, GBytes **ret_bytes,
			     GError **error)
{
	const unsigned status = fetch->answer.status;

	*ret_again = FALSE;
	if (fetch->over)
		return failure_set(error, FAULT_TUF_LENGTH, "%s has more than %zu bytes",
				   fetch->name, fetch->max);
	if (!fetch->answer.complete)
		return broken_tell(fetch, error);
	if (is_absent(status))
		return TRUE;
	if (is_redirect(status)) {
		*ret_again = TRUE;
		return redirect_take(fetch, error);
	}
	if (status != 200)
		return failure_set(error, FAULT_HTTP_STATUS, "%s: the server answers %u",
				   fetch->name, status);
	if (fetch->result != TRANSFER_DONE)
		return broken_tell(fetch, error);
	if (fetch->answer.encoded)
		return failure_set(error, FAULT_HTTP_ANSWER,
				   "%s: the server sends it compressed, unasked", fetch->name);
	*ret_bytes = g_bytes_new(fetch->body->data, fetch->body->len);
	return TRUE;
}

static gboolean fetch_run(struct fetch *fetch, GBytes **ret_bytes, GError **error)
{
	gboolean again = TRUE;

	for (unsigned i = 0; i <= TUFGET_REDIRECTS_MAX && again; i++) {
		fetch_start(fetch);
		if (!fetch_wait(fetch, error) || !answer_judge(fetch, &again, ret_bytes, error))
			return FALSE;
	}
	return !again || failure_set(error, FAULT_HTTP_REDIRECT, "%s: more than %d redirects",
				     fetch->name, TUFGET_REDIRECTS_MAX);
}

gboolean tufget_http_get(struct tuftransport *transport, const char *name, size_t max,
			 GBytes **ret_bytes, GError **error)
{
	struct tufget *get = (struct tufget *)transport;
	g_autofree char *url = tufget_url_join(get->url, name);
	struct fetch fetch = { .get = get, .name = name, .max = max };
	gboolean done;

	*ret_bytes = NULL;
	if (!transfer_url_parse(NULL, url, &fetch.home) ||
	    !transfer_url_parse(NULL, url, &fetch.url)) {
		transfer_url_clear(&fetch.home);
		return failure_set(error, FAULT_HTTP_URL, "%s makes no http address", name);
	}
	fetch.end_us = g_get_monotonic_time() + get->file_time_us;
	fetch.body = g_byte_array_new();
	done = fetch_run(&fetch, ret_bytes, error);
	g_byte_array_unref(fetch.body);
	httpanswer_clear(&fetch.answer);
	transfer_url_clear(&fetch.url);
	transfer_url_clear(&fetch.home);
	g_free(fetch.text);
	return done;
}

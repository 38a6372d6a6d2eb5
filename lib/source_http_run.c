/* SPDX-License-Identifier: MIT */
/* Legs on their way: which may begin, what an answer or a failure means for them, and waiting.
 *
 * A failure that may pass is waited out by all legs together: the first one to be tried again has
 * the network for itself until something comes. Each goes on at its first missing byte. */
#include "source_http.h"

#include <string.h>

#include "failure.h"

enum {
	WAIT_MS = 100,                /* a cancel is noticed within this */
	RECOVERED_SIZE = 256 * 1024,  /* so much, and a failure is over */
	SHORT_ANSWER_MIN = 64 * 1024, /* a server that gives less at a time is failing */
	RING_MIN = 64 * 1024,         /* of a leg that may turn out to be the whole file */
};

static size_t ring_size(const struct source_http *http, uint64_t start, uint64_t end)
{
	const uint64_t share = (HTTP_BUFFERS_SIZE - HTTP_STREAM_SIZE) / http->options.parallel;
	const uint64_t size = end - start <= share ? end - start : HTTP_STREAM_SIZE;

	return (size_t)(start == 0 ? MAX(size, RING_MIN) : size);
}

struct leg *leg_new(struct source_http *http, uint64_t start, uint64_t end)
{
	const uint64_t total = http->object.total_bytes;
	const uint64_t cut = total > start ? MIN(end, total) : end;
	struct leg *leg = g_new0(struct leg, 1);

	leg->http = http;
	flight_init(&leg->flight, start, cut, ring_size(http, start, cut));
	return leg;
}

void leg_stop(struct leg *leg)
{
	transfer_stop(leg->transfer);
	leg->transfer = NULL;
}

void leg_free(struct leg *leg)
{
	if (leg == NULL)
		return;
	leg_stop(leg);
	httpanswer_clear(&leg->answer);
	transfer_url_clear(&leg->url);
	flight_done(&leg->flight);
	g_free(leg);
}

gboolean leg_is_complete(const struct leg *leg)
{
	return leg->flight.got == leg->flight.end;
}

void leg_drained(struct leg *leg)
{
	if (leg->transfer == NULL || !leg->paused ||
	    flight_ready_bytes(&leg->flight) > leg->flight.capacity / 2)
		return;
	leg->paused = FALSE;
	transfer_resume(leg->transfer);
}

static int64_t now_ms(void)
{
	return g_get_monotonic_time() / 1000;
}

static void http_fail(struct source_http *http, fault why, const char *text)
{
	if (http->failure == NULL)
		failure_set(&http->failure, why, "%s: %s", http->source.name, text);
}

/* A failure that may pass. Where a redirect led to may be what is gone: begin at home again. */
static void http_lose(struct source_http *http, fault why, const char *text, uint64_t asked_ms)
{
	const int64_t now = now_ms();
	const gboolean waiting = http->backoff.failures > 0 && now < http->backoff.until_ms;
	const unsigned patience_s = http->greeted ? http->options.retry_time_s
						  : MIN(http->options.greet_time_s,
							http->options.retry_time_s);

	g_clear_pointer(&http->url, g_free);
	http->probing = TRUE;
	http->recovered_bytes = 0;
	http->backoff.patience_ms = (uint64_t)patience_s * 1000;
	if (!backoff_fail(&http->backoff, now, g_random_int(), asked_ms)) {
		g_autofree char *last = g_strdup_printf("%s (given up after %u s)", text,
							patience_s);

		http_fail(http, why, last);
		return;
	}
	if (waiting)
		return;
	http->source.retries++;
	if (http->options.waiting != NULL)
		http->options.waiting(http->options.user_data, text,
				      (unsigned)(http->backoff.until_ms - now));
}

/* --- answers --- */

static void answer_accept(struct leg *leg)
{
	struct source_http *http = leg->http;
	const struct httpanswer *answer = &leg->answer;
	const gboolean range = leg->judgement.verdict == HTTPVERDICT_RANGE;

	httpobject_learn(&http->object, answer);
	http->source.total_bytes = http->object.total_bytes;
	http->ranges_seen |= range;
	leg->body_end = range ? answer->last + 1 : UINT64_MAX;
	if (!range && !http->ranges_seen) {
		http->whole = TRUE;
		leg->flight.end = UINT64_MAX;
	}
	if (http->object.total_bytes > 0)
		leg->flight.end = MIN(leg->flight.end, http->object.total_bytes);
	g_free(http->url);
	http->url = g_strdup(leg->url.text);
}

static enum transfer_step leg_header(gpointer user_data, const char *line, size_t size_bytes)
{
	struct leg *leg = user_data;
	const struct httpasked asked = { leg->begun, leg->flight.end, leg->conditional };

	if (!httpanswer_add(&leg->answer, line, size_bytes)) {
		leg->judged = TRUE;
		leg->judgement = (struct httpjudgement){ HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER,
							 "the server's header has no end" };
		return TRANSFER_STOP;
	}
	if (!leg->answer.complete || leg->judged)
		return TRANSFER_MORE;
	leg->judged = TRUE;
	leg->http->greeted = TRUE;
	leg->judgement = httpanswer_judge(&leg->answer, &leg->http->object, asked);
	if (leg->judgement.verdict != HTTPVERDICT_RANGE &&
	    leg->judgement.verdict != HTTPVERDICT_WHOLE)
		return TRANSFER_STOP;
	answer_accept(leg);
	return TRANSFER_MORE;
}

static void bytes_count(struct source_http *http, size_t size_bytes)
{
	http->source.fetched_bytes += size_bytes;
	http->minimum.bytes += size_bytes;
	http->probing = FALSE;
	http->recovered_bytes += size_bytes;
	if (http->recovered_bytes >= RECOVERED_SIZE)
		backoff_succeed(&http->backoff);
	pace_limit_charge(&http->limit, g_get_monotonic_time(), size_bytes);
}

/* Nothing is taken that was not asked for, however much the server sends. */
static enum transfer_step leg_body(gpointer user_data, const uint8_t *bytes, size_t size_bytes)
{
	struct leg *leg = user_data;
	const uint64_t end = MIN(leg->body_end, leg->flight.end);
	const size_t wanted = (size_t)MIN(size_bytes, end - leg->flight.got);

	if (!flight_put(&leg->flight, bytes, wanted)) {
		leg->paused = TRUE;
		return TRANSFER_PAUSE;
	}
	bytes_count(leg->http, wanted);
	return wanted < size_bytes ? TRANSFER_STOP : TRANSFER_MORE;
}

/* --- ends --- */

static void leg_redirect(struct leg *leg)
{
	struct source_http *http = leg->http;
	struct transfer_url url;

	if (leg->redirects == HTTP_REDIRECTS_MAX) {
		http_fail(http, FAULT_HTTP_REDIRECT, "more than 3 redirects");
		return;
	}
	if (!transfer_url_parse(leg->url.text, leg->answer.location, &url)) {
		http_fail(http, FAULT_HTTP_REDIRECT,
			  "the server redirects to what is no http or https address");
		return;
	}
	if (!url.secure && (leg->url.secure || http->home.secure)) {
		http_fail(http, FAULT_HTTP_REDIRECT, "the server redirects from https to http");
		transfer_url_clear(&url);
		return;
	}
	transfer_url_clear(&leg->url);
	leg->url = url;
	leg->redirected = TRUE;
	leg->redirects++;
}

/* The file ends where this leg would go on. */
static void leg_cut(struct leg *leg)
{
	struct source_http *http = leg->http;

	leg->flight.end = leg->flight.got;
	if (leg->flight.got == 0) {
		http_fail(http, FAULT_BUNDLE_TRUNCATED, "the file on the server is empty");
		return;
	}
	if (http->object.total_bytes == 0)
		http->object.total_bytes = leg->flight.got;
	http->source.total_bytes = http->object.total_bytes;
}

/* A place that a redirect once led to may say no later: its address was good for some time. */
static gboolean leg_sent_home(struct leg *leg)
{
	struct source_http *http = leg->http;

	if (leg->judgement.why != FAULT_HTTP_STATUS || leg->redirects > 0 ||
	    g_str_equal(leg->url.text, http->home.text))
		return FALSE;
	g_clear_pointer(&http->url, g_free);
	return TRUE;
}

static void leg_refused(struct leg *leg)
{
	const struct httpjudgement *judgement = &leg->judgement;

	switch (judgement->verdict) {
	case HTTPVERDICT_REDIRECT:
		leg_redirect(leg);
		break;
	case HTTPVERDICT_END:
		leg_cut(leg);
		break;
	case HTTPVERDICT_PLAIN:
		leg->http->unconditional = TRUE;
		break;
	case HTTPVERDICT_RETRY:
		http_lose(leg->http, judgement->why, judgement->text,
			  (uint64_t)leg->answer.retry_after_s * 1000);
		break;
	case HTTPVERDICT_RANGE:
	case HTTPVERDICT_WHOLE:
	case HTTPVERDICT_FAIL:
		if (!leg_sent_home(leg))
			http_fail(leg->http, judgement->why, judgement->text);
		break;
	}
}

static void leg_broken(struct leg *leg, enum transfer_result result, const char *text)
{
	struct source_http *http = leg->http;

	switch (result) {
	case TRANSFER_TRUST:
		http_fail(http, FAULT_HTTP_TLS, text);
		break;
	case TRANSFER_TLS: /* it did before: then it is the network */
		if (http->greeted)
			http_lose(http, FAULT_HTTP_TLS, text, 0);
		else
			http_fail(http, FAULT_HTTP_TLS, text);
		break;
	case TRANSFER_PROXY:
		http_fail(http, FAULT_HTTP_CONNECT, text);
		break;
	case TRANSFER_ANSWER:
		http_fail(http, FAULT_HTTP_ANSWER, text);
		break;
	case TRANSFER_CONNECT:
		http_lose(http, FAULT_HTTP_CONNECT, text, 0);
		break;
	case TRANSFER_LOST:
		http_lose(http, FAULT_HTTP_TRANSFER, text, 0);
		break;
	case TRANSFER_STOPPED:
	case TRANSFER_DONE:
		http_lose(http, FAULT_HTTP_TRANSFER, "the answer ends early", 0);
		break;
	}
}

/* The answer is over, and was good as far as it went, but not to the leg's end. */
static void leg_short(struct leg *leg, enum transfer_result result, const char *text)
{
	if (leg->flight.got == leg->body_end) {
		if (leg->flight.got - leg->begun < SHORT_ANSWER_MIN)
			http_lose(leg->http, FAULT_HTTP_TRANSFER,
				  "the server sends less than was asked for", 0);
		return;
	}
	if (result == TRANSFER_DONE && leg->flight.end == UINT64_MAX)
		leg_cut(leg);
	else
		leg_broken(leg, result, text);
}

static void leg_ended(gpointer user_data, enum transfer_result result, const char *text)
{
	struct leg *leg = user_data;
	const enum httpverdict verdict = leg->judgement.verdict;

	leg->transfer = NULL;
	leg->paused = FALSE;
	if (leg_is_complete(leg)) {
		backoff_succeed(&leg->http->backoff);
		return;
	}
	if (!leg->judged)
		leg_broken(leg, result, text);
	else if (verdict == HTTPVERDICT_RANGE || verdict == HTTPVERDICT_WHOLE)
		leg_short(leg, result, text);
	else
		leg_refused(leg);
}

struct transfers *source_http_transfers_new(const struct source_options *options)
{
	static const struct transfer_events EVENTS = { .header = leg_header,
						       .body = leg_body,
						       .ended = leg_ended };

	return transfers_new(options, &EVENTS);
}

/* --- beginnings --- */

static void leg_address(struct leg *leg)
{
	struct source_http *http = leg->http;
	const char *text = http->url != NULL ? http->url : http->home.text;

	if (leg->redirected) {
		leg->redirected = FALSE;
		return;
	}
	leg->redirects = 0;
	transfer_url_clear(&leg->url);
	if (!transfer_url_parse(NULL, text, &leg->url))
		g_assert_not_reached(); /* it is the text of one that was parsed */
}

static void leg_start(struct leg *leg)
{
	struct source_http *http = leg->http;
	struct transfer_request request = { .start = leg->flight.got, .end = leg->flight.end };

	leg_address(leg);
	httpanswer_clear(&leg->answer);
	leg->judged = FALSE;
	leg->begun = leg->flight.got;
	leg->body_end = UINT64_MAX;
	if (!http->unconditional && http->object.known)
		request.if_range = httpobject_validator(&http->object);
	leg->conditional = request.if_range != NULL;
	request.url = leg->url.text;
	request.trusted = g_str_equal(leg->url.origin, http->home.origin);
	request.user = request.trusted ? http->home.user : NULL;
	request.password = request.trusted ? http->home.password : NULL;
	request.user_data = leg;
	http->source.requests++;
	leg->transfer = transfer_start(http->transfers, &request);
}

/* What is on the way, and how much of the buffers is spoken for. */
struct load {
	unsigned running;
	unsigned limit;
	gboolean heavy; /* one of them may have to pause */
	uint64_t size_bytes;
};

static void load_add(struct load *load, const struct leg *leg)
{
	load->size_bytes += leg->flight.capacity;
	if (leg->transfer == NULL)
		return;
	load->running++;
	load->heavy |= !flight_is_light(&leg->flight);
}

static struct load load_of(const struct source_http *http)
{
	struct load load = { .limit = http->probing ? 1 : http->options.parallel };

	for (const GList *at = http->legs.head; at != NULL; at = at->next)
		load_add(&load, at->data);
	if (http->single != NULL)
		load_add(&load, http->single);
	return load;
}

static void leg_start_if(struct leg *leg, struct load *load)
{
	const gboolean heavy = !flight_is_light(&leg->flight);

	if (leg->transfer != NULL || leg_is_complete(leg) || load->running >= load->limit ||
	    load->heavy)
		return;
	load->heavy = heavy;
	if (heavy && load->running > 0)
		return; /* first the others come to their end, and none may begin */
	if (load->running == 0)
		pace_minimum_start(&leg->http->minimum, g_get_monotonic_time());
	leg_start(leg);
	load->running++;
}

/* The next piece becomes a leg, if there is room for all of it. */
static gboolean piece_begin(struct source_http *http, struct load *load)
{
	struct source_range piece;
	struct leg *leg;
	uint64_t end;

	if (http->whole || load->heavy || load->running >= load->limit ||
	    g_queue_get_length(&http->legs) >= HTTP_LEGS_MAX || !pieces_peek(&http->pieces, &piece))
		return FALSE;
	end = piece.offset + piece.size_bytes;
	if (load->size_bytes + ring_size(http, piece.offset, end) > HTTP_BUFFERS_SIZE)
		return FALSE;
	pieces_drop(&http->pieces);
	leg = leg_new(http, piece.offset, end);
	g_queue_push_tail(&http->legs, leg);
	load->size_bytes += leg->flight.capacity;
	leg_start_if(leg, load);
	return TRUE;
}

/* `wanted` goes first; NULL: nobody waits. */
static void legs_start(struct source_http *http, struct leg *wanted)
{
	struct load load;

	if (http->failure != NULL || now_ms() < http->backoff.until_ms)
		return;
	load = load_of(http);
	if (wanted != NULL)
		leg_start_if(wanted, &load);
	for (GList *at = http->legs.head; at != NULL; at = at->next)
		leg_start_if(at->data, &load);
	while (piece_begin(http, &load))
		;
}

/* One that may pause must not hold up the one that is waited for. */
static void others_stop(struct source_http *http, const struct leg *wanted)
{
	for (GList *at = http->legs.head; at != NULL; at = at->next) {
		struct leg *leg = at->data;

		if (leg != wanted && !flight_is_light(&leg->flight))
			leg_stop(leg);
	}
	if (http->single != NULL && http->single != wanted &&
	    !flight_is_light(&http->single->flight))
		leg_stop(http->single);
}

void source_http_touch(struct source_http *http)
{
	if (pace_limit_wait_us(&http->limit, g_get_monotonic_time()) > 0)
		return;
	legs_start(http, NULL);
	transfers_move(http->transfers);
}

/* --- waiting --- */

static void legs_slow(struct source_http *http)
{
	g_autofree char *text = g_strdup_printf("less than %" G_GUINT64_FORMAT
						" bytes a second came for %u seconds",
						http->minimum.bytes_s, http->options.slow_time_s);

	for (GList *at = http->legs.head; at != NULL; at = at->next)
		leg_stop(at->data);
	if (http->single != NULL)
		leg_stop(http->single);
	http_lose(http, FAULT_HTTP_TRANSFER, text, 0);
}

/* The limit is kept by not looking: what the system's buffers do not hold, the server does not
 * send. TRUE: some time was spent with that. */
static gboolean limit_wait(struct source_http *http)
{
	const int64_t wait_us = pace_limit_wait_us(&http->limit, g_get_monotonic_time());
	const int64_t step_us = MIN(wait_us, WAIT_MS * 1000);

	if (wait_us == 0)
		return FALSE;
	g_usleep((gulong)step_us);
	pace_minimum_skip(&http->minimum, step_us);
	return TRUE;
}

static gboolean leg_is_ready(const struct leg *leg)
{
	return flight_ready_bytes(&leg->flight) > 0 || leg_is_complete(leg);
}

static void http_turn(struct source_http *http, struct leg *leg)
{
	int64_t backoff_ms;

	if (limit_wait(http))
		return;
	others_stop(http, leg);
	legs_start(http, leg);
	transfers_move(http->transfers);
	if (leg_is_ready(leg) || http->failure != NULL)
		return;
	backoff_ms = http->backoff.until_ms - now_ms();
	if (backoff_ms > 0)
		pace_minimum_start(&http->minimum, g_get_monotonic_time());
	else if (pace_minimum_missed(&http->minimum, g_get_monotonic_time()))
		legs_slow(http);
	transfers_wait(http->transfers,
		       backoff_ms > 0 ? (unsigned)MIN(backoff_ms, WAIT_MS) : WAIT_MS);
}

gboolean source_http_pump(struct source_http *http, struct leg *leg, GError **error)
{
	if (leg_is_ready(leg)) {
		source_http_touch(http);
		return TRUE;
	}
	pace_minimum_skip(&http->minimum,
			  g_get_monotonic_time() - MAX(http->idle_us, http->minimum.since_us));
	while (!leg_is_ready(leg)) {
		if (http->options.tick != NULL)
			http->options.tick(http->options.user_data);
		if (g_cancellable_is_cancelled(http->source.cancellable))
			return failure_set(error, FAULT_CONVERGE_CANCELLED,
					   "the job was cancelled");
		if (http->failure != NULL) {
			g_propagate_error(error, g_error_copy(http->failure));
			return FALSE;
		}
		http_turn(http, leg);
	}
	http->idle_us = g_get_monotonic_time();
	return TRUE;
}

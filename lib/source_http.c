/* SPDX-License-Identifier: MIT */
/* A bundle on a web server. What was announced is asked for in pieces, several at a time, each
 * into a ring of its own; they are read in order. A range that is too long to be cut is one
 * stream, and is on the way alone: its request is paused while its ring is full, and a paused one
 * may hold up its neighbours on the same connection. So nothing that is wanted ever waits for
 * something that is not, and memory is bounded.
 *
 * Reads that were not announced have one leg of their own, which reads further ahead as long as
 * each goes on where the last one ended. */
#include "source_http.h"

#include <string.h>

#include "failure.h"
#include "source_worker.h"

enum {
	SKIP_MAX = 256 * 1024, /* cheaper to read over than to ask anew */
	AHEAD_MIN = 64 * 1024,
	AHEAD_GROWTH = 4,
};

static uint64_t piece_bytes(const struct source_http *http)
{
	return (HTTP_BUFFERS_SIZE - HTTP_STREAM_SIZE) / http->options.parallel;
}

static gboolean leg_covers(const struct leg *leg, uint64_t offset)
{
	return offset >= leg->flight.taken && offset < leg->flight.end;
}

static void legs_drop(struct source_http *http)
{
	struct leg *leg;

	while ((leg = g_queue_pop_head(&http->legs)) != NULL)
		leg_free(leg);
}

/* What has been read makes room for the next piece. */
static void leg_retire(struct source_http *http, struct leg *leg)
{
	if (leg->flight.taken < leg->flight.end || !g_queue_remove(&http->legs, leg))
		return;
	leg_free(leg);
}

static struct leg *announced_find(struct source_http *http, uint64_t offset)
{
	struct leg *leg = NULL;
	struct source_range piece;

	for (GList *at = http->legs.head; at != NULL && leg == NULL; at = at->next)
		if (leg_covers(at->data, offset))
			leg = at->data;
	if (leg != NULL) {
		while (http->legs.head->data != leg)
			leg_free(g_queue_pop_head(&http->legs));
		return leg;
	}
	if (http->whole || !pieces_seek(&http->pieces, offset) ||
	    !pieces_peek(&http->pieces, &piece))
		return NULL;
	legs_drop(http);
	pieces_drop(&http->pieces);
	leg = leg_new(http, piece.offset, piece.offset + piece.size_bytes);
	g_queue_push_tail(&http->legs, leg);
	return leg;
}

static gboolean single_serves(const struct source_http *http, uint64_t offset)
{
	const struct leg *single = http->single;

	if (single == NULL || !leg_covers(single, offset))
		return FALSE;
	return http->whole || offset <= single->flight.got + SKIP_MAX;
}

/* Reading on in order has earned more; with nothing else to do, all the rest. */
static uint64_t ahead_bytes(const struct source_http *http, uint64_t offset)
{
	const struct leg *single = http->single;
	const uint64_t before = http->single_bytes;

	if (single == NULL || offset != single->flight.end)
		return AHEAD_MIN;
	if (before < HTTP_STREAM_SIZE)
		return before * AHEAD_GROWTH;
	return http->legs.head == NULL ? UINT64_MAX : HTTP_STREAM_SIZE;
}

static struct leg *single_begin(struct source_http *http, uint64_t offset, size_t size_bytes)
{
	const uint64_t ahead = ahead_bytes(http, offset);
	const uint64_t wanted = MIN(MAX(ahead, size_bytes), UINT64_MAX - offset);
	const uint64_t limit = ahead == UINT64_MAX ? ahead : HTTP_STREAM_SIZE;

	leg_free(http->single);
	http->single_bytes = MIN(ahead, HTTP_STREAM_SIZE);
	http->single = leg_new(http, offset, offset + MIN(wanted, limit));
	return http->single;
}

static gboolean leg_find(struct source_http *http, uint64_t offset, size_t size_bytes,
			 struct leg **ret_leg, GError **error)
{
	const uint64_t total = http->object.total_bytes;
	struct leg *leg;

	if (total > 0 && offset >= total)
		return failure_set(error, FAULT_BUNDLE_TRUNCATED,
				   "%s ends at byte %" G_GUINT64_FORMAT, http->source.name, total);
	leg = single_serves(http, offset) ? http->single : announced_find(http, offset);
	*ret_leg = leg != NULL ? leg : single_begin(http, offset, size_bytes);
	return TRUE;
}

static gboolean http_read(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	struct source_http *http = (struct source_http *)source;
	size_t done = 0;

	if (size_bytes > UINT64_MAX - offset)
		return failure_set(error, FAULT_BUNDLE_RANGE,
				   "%s: byte %" G_GUINT64_FORMAT " cannot be", source->name,
				   offset);
	while (done < size_bytes) {
		struct leg *leg = NULL;

		if (!leg_find(http, offset + done, size_bytes - done, &leg, error))
			return FALSE;
		flight_skip(&leg->flight, offset + done);
		leg_drained(leg);
		if (!source_http_pump(http, leg, error))
			return FALSE;
		done += flight_take(&leg->flight, bytes + done, size_bytes - done);
		leg_drained(leg);
		leg_retire(http, leg);
	}
	return TRUE;
}

static void http_schedule(struct source *source, const struct source_range *ranges, size_t count)
{
	struct source_http *http = (struct source_http *)source;

	legs_drop(http);
	pieces_set(&http->pieces, ranges, count, piece_bytes(http), RANGES_COUNT_MAX);
	if (http->single != NULL && !http->whole && !flight_is_light(&http->single->flight))
		g_clear_pointer(&http->single, leg_free);
	source_http_touch(http);
}

static void http_close(struct source *source)
{
	struct source_http *http = (struct source_http *)source;

	legs_drop(http);
	leg_free(http->single);
	pieces_clear(&http->pieces);
	transfers_free(http->transfers);
	transfer_url_clear(&http->home);
	httpobject_clear(&http->object);
	g_clear_error(&http->failure);
	g_free(http->url);
	g_free(http);
}

char *source_url_for_people(const char *url)
{
	const char *slashes = strstr(url, "://");
	const char *host = slashes != NULL ? slashes + 3 : url;
	const size_t host_size = strcspn(host, "/?#");
	const char *at = g_strrstr_len(host, (gssize)host_size, "@");
	const char *shown = at != NULL ? at + 1 : host;

	return g_strdup_printf("%.*s%.*s", (int)(host - url), url, (int)strcspn(shown, "?#"),
			       shown);
}

static void options_take(struct source_http *http, const struct source_options *options)
{
	http->options = *options;
	http->options.parallel = CLAMP(options->parallel, 1, SOURCE_PARALLEL_MAX);
	http->options.proxy = http->options.ca_file = NULL;
	http->options.certificate = http->options.key = NULL;
	http->options.ca_pem = http->options.certificate_pem = http->options.key_pem = NULL;
	http->backoff.first_ms = options->retry_first_ms;
	http->backoff.most_ms = options->retry_most_ms;
	http->limit.bytes_s = options->rate_bytes_s;
	http->minimum.bytes_s = options->slow_bytes_s;
	http->minimum.time_us = (int64_t)options->slow_time_s * G_USEC_PER_SEC;
	if (options->rate_bytes_s > 0) /* our own limit is not the network's fault */
		http->minimum.bytes_s = MIN(options->slow_bytes_s, options->rate_bytes_s / 2);
}

struct source *source_open_http(const char *url, const struct source_options *options,
				GCancellable *cancellable, GError **error)
{
	static const struct source_ops OPS = { .read = http_read,
					       .schedule = http_schedule,
					       .close = http_close };
	const struct source_options fallback = source_options_default();
	struct transfer_url home;
	struct source_http *http;

	if (options != NULL && options->workers != NULL)
		return source_open_worker(url, options, cancellable, error);
	if (!transfer_url_parse(NULL, url, &home)) {
		g_autofree char *shown = source_url_for_people(url);

		failure_set(error, FAULT_HTTP_URL, "not an http or https address: %s", shown);
		return NULL;
	}
	http = g_new0(struct source_http, 1);
	options_take(http, options != NULL ? options : &fallback);
	http->home = home;
	http->transfers = source_http_transfers_new(options != NULL ? options : &fallback);
	http->source.ops = &OPS;
	http->source.name = source_url_for_people(url);
	http->source.cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	http->idle_us = g_get_monotonic_time();
	pieces_clear(&http->pieces);
	g_queue_init(&http->legs);
	return &http->source;
}

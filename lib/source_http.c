/* SPDX-License-Identifier: MIT */
/* A bundle on a web server. One transfer streams from the offset that is wanted; a read that goes
 * on where the last one ended takes from it, and one further ahead than SKIP_MAX opens a new
 * range. libcurl calls back on our own thread, and is paused while its buffer is full: memory is
 * bounded, and no data is taken that nobody asked for.
 *
 * The first answer's ETag is asked for again with each range, so that an object that is
 * replaced meanwhile is noticed instead of mixed. */
#include <curl/curl.h>
#include <string.h>

#include "failure.h"
#include "source.h"

enum {
	BUFFER_SIZE = 1024 * 1024,
	SKIP_MAX = 256 * 1024, /* cheaper to read over than to ask anew */
	WAIT_MS = 200,
	STALL_S = 60, /* without a byte: the transfer has failed */
	CONNECT_S = 30,
	REDIRECTS_MAX = 3,
};

struct source_http {
	struct source source;
	char *url;
	char *validator; /* ETag of the first answer */
	CURLM *multi;
	CURL *easy; /* the transfer, or NULL */
	struct curl_slist *headers;
	uint8_t *buffer; /* BUFFER_SIZE */
	size_t start;    /* of what is in the buffer */
	size_t end;
	uint64_t asked;  /* where this transfer started */
	uint64_t offset; /* in the bundle, of buffer[start] */
	gboolean paused;
	gboolean done;
	CURLcode result;
};

static size_t http_body(char *bytes, size_t size, size_t count, void *user_data)
{
	struct source_http *http = user_data;
	const size_t size_bytes = size * count;

	if (http->start > 0) {
		memmove(http->buffer, http->buffer + http->start, http->end - http->start);
		http->end -= http->start;
		http->start = 0;
	}
	if (size_bytes > BUFFER_SIZE - http->end) {
		http->paused = TRUE;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(http->buffer + http->end, bytes, size_bytes);
	http->end += size_bytes;
	http->source.fetched_bytes += size_bytes;
	return size_bytes;
}

static char *header_value(const char *line, size_t size_bytes, const char *name)
{
	const size_t name_size = strlen(name);
	g_autofree char *value = NULL;

	if (size_bytes <= name_size || g_ascii_strncasecmp(line, name, name_size) != 0)
		return NULL;
	value = g_strndup(line + name_size, size_bytes - name_size);
	return g_strdup(g_strstrip(value));
}

static size_t http_header(char *bytes, size_t size, size_t count, void *user_data)
{
	struct source_http *http = user_data;
	const size_t size_bytes = size * count;
	char *tag = header_value(bytes, size_bytes, "etag:");

	if (tag != NULL && http->validator == NULL && !g_str_has_prefix(tag, "W/"))
		http->validator = g_steal_pointer(&tag);
	g_free(tag);
	return size_bytes;
}

static void http_stop(struct source_http *http)
{
	if (http->easy != NULL) {
		curl_multi_remove_handle(http->multi, http->easy);
		curl_easy_cleanup(http->easy);
	}
	g_clear_pointer(&http->headers, curl_slist_free_all);
	http->easy = NULL;
	http->start = http->end = 0;
	http->paused = http->done = FALSE;
	http->result = CURLE_OK;
}

static void http_start(struct source_http *http, uint64_t offset)
{
	g_autofree char *range = g_strdup_printf("%" G_GUINT64_FORMAT "-", offset);

	http_stop(http);
	http->asked = http->offset = offset;
	http->easy = curl_easy_init();
	if (http->validator != NULL) {
		g_autofree char *line = g_strdup_printf("If-Range: %s", http->validator);

		http->headers = curl_slist_append(NULL, line);
	}
	curl_easy_setopt(http->easy, CURLOPT_URL, http->url);
	curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(http->easy, CURLOPT_REDIR_PROTOCOLS_STR,
			 g_str_has_prefix(http->url, "https:") ? "https" : "http,https");
	curl_easy_setopt(http->easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(http->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(http->easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(http->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(http->easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(http->easy, CURLOPT_USERAGENT, "azupdate/" AZUPDATE_VERSION);
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
	if (offset > 0)
		curl_easy_setopt(http->easy, CURLOPT_RANGE, range);
	curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, http_body);
	curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
	curl_easy_setopt(http->easy, CURLOPT_HEADERFUNCTION, http_header);
	curl_easy_setopt(http->easy, CURLOPT_HEADERDATA, http);
	curl_multi_add_handle(http->multi, http->easy);
}

static fault http_fault(CURLcode result)
{
	static const struct {
		CURLcode result;
		fault why;
	} ROWS[] = {
		{ CURLE_HTTP_RETURNED_ERROR, FAULT_HTTP_STATUS },
		{ CURLE_TOO_MANY_REDIRECTS, FAULT_HTTP_STATUS },
		{ CURLE_COULDNT_RESOLVE_HOST, FAULT_HTTP_CONNECT },
		{ CURLE_COULDNT_RESOLVE_PROXY, FAULT_HTTP_CONNECT },
		{ CURLE_COULDNT_CONNECT, FAULT_HTTP_CONNECT },
		{ CURLE_PEER_FAILED_VERIFICATION, FAULT_HTTP_TLS },
		{ CURLE_SSL_CONNECT_ERROR, FAULT_HTTP_TLS },
		{ CURLE_SSL_CACERT_BADFILE, FAULT_HTTP_TLS },
		{ CURLE_RANGE_ERROR, FAULT_HTTP_RANGE },
		{ CURLE_URL_MALFORMAT, FAULT_HTTP_URL },
		{ CURLE_UNSUPPORTED_PROTOCOL, FAULT_HTTP_URL },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (ROWS[i].result == result)
			return ROWS[i].why;
	return FAULT_HTTP_TRANSFER;
}

/* A server that does not serve ranges, or whose file is no longer the one that the first answer
 * came from, answers 200 from byte 0: what arrives is not what was asked for. */
static gboolean http_check_range(struct source_http *http, GError **error)
{
	long status = 0;

	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (http->asked == 0 || status == 206)
		return TRUE;
	return failure_set(error, FAULT_HTTP_RANGE,
			   "%s: the file was replaced meanwhile, or ranges are not served",
			   http->source.name);
}

static gboolean http_finished(struct source_http *http, GError **error)
{
	CURLMsg *message;
	int left;
	long status = 0;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE) {
			http->done = TRUE;
			http->result = message->data.result;
		}
	if (!http->done || http->result == CURLE_OK)
		return TRUE;
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (http->result == CURLE_HTTP_RETURNED_ERROR)
		return failure_set(error, FAULT_HTTP_STATUS, "%s: the server answered %ld",
				   http->source.name, status);
	return failure_set(error, http_fault(http->result), "%s: %s", http->source.name,
			   curl_easy_strerror(http->result));
}

/* Runs the transfer until something is in the buffer or it is over. */
static gboolean http_pump(struct source_http *http, GError **error)
{
	while (http->start == http->end && !http->done) {
		int running = 0;

		if (g_cancellable_is_cancelled(http->source.cancellable))
			return failure_set(error, FAULT_CONVERGE_CANCELLED,
					   "the job was cancelled");
		if (http->paused) {
			http->paused = FALSE;
			curl_easy_pause(http->easy, CURLPAUSE_CONT);
		}
		curl_multi_perform(http->multi, &running);
		if (!http_finished(http, error))
			return FALSE;
		if (http->start == http->end && !http->done)
			curl_multi_poll(http->multi, NULL, 0, WAIT_MS, NULL);
	}
	return http_check_range(http, error);
}

static gboolean http_take(struct source_http *http, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	size_t done = 0;

	while (done < size_bytes) {
		size_t size;

		if (!http_pump(http, error))
			return FALSE;
		if (http->start == http->end)
			return failure_set(error, FAULT_BUNDLE_TRUNCATED,
					   "%s ends at byte %" G_GUINT64_FORMAT, http->source.name,
					   http->offset);
		size = MIN(size_bytes - done, http->end - http->start);
		if (bytes != NULL)
			memcpy(bytes + done, http->buffer + http->start, size);
		http->start += size;
		http->offset += size;
		done += size;
	}
	return TRUE;
}

static gboolean http_read(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	struct source_http *http = (struct source_http *)source;

	if (http->easy == NULL || offset < http->offset || offset - http->offset > SKIP_MAX)
		http_start(http, offset);
	else if (!http_take(http, NULL, (size_t)(offset - http->offset), error))
		return FALSE;
	return http_take(http, bytes, size_bytes, error);
}

static void http_close(struct source *source)
{
	struct source_http *http = (struct source_http *)source;

	http_stop(http);
	curl_multi_cleanup(http->multi);
	g_free(http->validator);
	g_free(http->buffer);
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

struct source *source_open_http(const char *url, GCancellable *cancellable, GError **error)
{
	static const struct source_ops OPS = { .read = http_read, .close = http_close };
	static gsize ready;
	struct source_http *http;

	if (!g_str_has_prefix(url, "http://") && !g_str_has_prefix(url, "https://")) {
		failure_set(error, FAULT_HTTP_URL, "not an http or https address: %s", url);
		return NULL;
	}
	if (g_once_init_enter(&ready)) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		g_once_init_leave(&ready, 1);
	}
	http = g_new0(struct source_http, 1);
	http->url = g_strdup(url);
	http->multi = curl_multi_init();
	http->buffer = g_malloc(BUFFER_SIZE);
	http->source.ops = &OPS;
	http->source.name = source_url_for_people(url);
	http->source.cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	return &http->source;
}

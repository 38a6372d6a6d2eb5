/* SPDX-License-Identifier: MIT */
#include "transfer.h"

#include <curl/curl.h>
#include <string.h>

enum { BUFFER_SIZE = 128 * 1024 };

struct transfers {
	CURLM *multi;
	const struct transfer_events *events;
	long connect_time_s;
	long parallel;
	char *proxy; /* these as in struct source_options */
	char *ca_file;
	char *certificate;
	char *key;
	GBytes *ca_pem, *certificate_pem, *key_pem;
};

struct transfer {
	struct transfers *transfers;
	CURL *easy;
	struct curl_slist *headers;
	gpointer user_data;
	gboolean stopped;
	char message[CURL_ERROR_SIZE];
};

static char *url_part(CURLU *handle, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	char *copy = NULL;

	if (curl_url_get(handle, part, &text, flags) == CURLUE_OK)
		copy = g_strdup(text);
	curl_free(text);
	return copy;
}

static gboolean url_take(CURLU *handle, struct transfer_url *ret_url)
{
	g_autofree char *scheme = url_part(handle, CURLUPART_SCHEME, 0);
	g_autofree char *host = url_part(handle, CURLUPART_HOST, 0);
	g_autofree char *port = url_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	struct transfer_url url = { 0 };

	if (scheme == NULL || host == NULL || port == NULL)
		return FALSE;
	url.secure = g_ascii_strcasecmp(scheme, "https") == 0;
	if (!url.secure && g_ascii_strcasecmp(scheme, "http") != 0)
		return FALSE;
	url.user = url_part(handle, CURLUPART_USER, CURLU_URLDECODE);
	url.password = url_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE);
	curl_url_set(handle, CURLUPART_USER, NULL, 0);
	curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0);
	url.text = url_part(handle, CURLUPART_URL, 0);
	url.origin = g_strdup_printf("%s://%s:%s", scheme, host, port);
	for (char *at = url.origin; *at != '\0'; at++)
		*at = g_ascii_tolower(*at);
	*ret_url = url;
	return url.text != NULL;
}

gboolean transfer_url_parse(const char *base, const char *text, struct transfer_url *ret_url)
{
	CURLU *handle = curl_url();
	struct transfer_url url = { 0 };
	const gboolean good =
		(base == NULL || curl_url_set(handle, CURLUPART_URL, base, 0) == CURLUE_OK) &&
		curl_url_set(handle, CURLUPART_URL, text, CURLU_URLENCODE) == CURLUE_OK &&
		url_take(handle, &url);

	curl_url_cleanup(handle);
	if (!good) {
		transfer_url_clear(&url);
		return FALSE;
	}
	*ret_url = url;
	return TRUE;
}

void transfer_url_clear(struct transfer_url *url)
{
	g_free(url->text);
	g_free(url->origin);
	g_free(url->user);
	g_free(url->password);
	*url = (struct transfer_url){ 0 };
}

static GBytes *bytes_ref(GBytes *bytes)
{
	return bytes != NULL ? g_bytes_ref(bytes) : NULL;
}

struct transfers *transfers_new(const struct source_options *options,
				const struct transfer_events *events)
{
	static gsize ready;
	struct transfers *transfers = g_new0(struct transfers, 1);

	if (g_once_init_enter(&ready)) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		g_once_init_leave(&ready, 1);
	}
	transfers->multi = curl_multi_init();
	transfers->events = events;
	transfers->connect_time_s = (long)options->connect_time_s;
	transfers->parallel = (long)options->parallel;
	transfers->proxy = g_strdup(options->proxy);
	transfers->ca_file = g_strdup(options->ca_file);
	transfers->certificate = g_strdup(options->certificate);
	transfers->key = g_strdup(options->key);
	transfers->ca_pem = bytes_ref(options->ca_pem);
	transfers->certificate_pem = bytes_ref(options->certificate_pem);
	transfers->key_pem = bytes_ref(options->key_pem);
	curl_multi_setopt(transfers->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, transfers->parallel + 1);
	return transfers;
}

void transfers_free(struct transfers *transfers)
{
	if (transfers == NULL)
		return;
	curl_multi_cleanup(transfers->multi);
	g_free(transfers->proxy);
	g_free(transfers->ca_file);
	g_free(transfers->certificate);
	g_free(transfers->key);
	g_clear_pointer(&transfers->ca_pem, g_bytes_unref);
	g_clear_pointer(&transfers->certificate_pem, g_bytes_unref);
	g_clear_pointer(&transfers->key_pem, g_bytes_unref);
	g_free(transfers);
}

static size_t transfer_header(char *bytes, size_t size, size_t count, void *user_data)
{
	struct transfer *transfer = user_data;
	const size_t size_bytes = size * count;

	if (transfer->transfers->events->header(transfer->user_data, bytes, size_bytes) ==
	    TRANSFER_MORE)
		return size_bytes;
	transfer->stopped = TRUE;
	return CURL_WRITEFUNC_ERROR;
}

static size_t transfer_body(char *bytes, size_t size, size_t count, void *user_data)
{
	struct transfer *transfer = user_data;
	const size_t size_bytes = size * count;

	switch (transfer->transfers->events->body(transfer->user_data, (const uint8_t *)bytes,
						  size_bytes)) {
	case TRANSFER_MORE:
		return size_bytes;
	case TRANSFER_PAUSE:
		return CURL_WRITEFUNC_PAUSE;
	case TRANSFER_STOP:
		break;
	}
	transfer->stopped = TRUE;
	return CURL_WRITEFUNC_ERROR;
}

/* The bytes if there are any, else the file. */
static void pem_set(const struct transfer *transfer, CURLoption blob_option, GBytes *bytes,
		    CURLoption file_option, const char *file)
{
	gsize size_bytes = 0;
	gconstpointer data = bytes != NULL ? g_bytes_get_data(bytes, &size_bytes) : NULL;
	struct curl_blob blob = { (void *)(uintptr_t)data, size_bytes, CURL_BLOB_NOCOPY };

	if (bytes != NULL)
		curl_easy_setopt(transfer->easy, blob_option, &blob);
	else if (file != NULL)
		curl_easy_setopt(transfer->easy, file_option, file);
}

static void connection_set(struct transfer *transfer, gboolean trusted)
{
	const struct transfers *transfers = transfer->transfers;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name server */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, transfers->connect_time_s);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* one connection, if it carries several */
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (transfers->proxy != NULL)
		curl_easy_setopt(easy, CURLOPT_PROXY, transfers->proxy);
	pem_set(transfer, CURLOPT_CAINFO_BLOB, transfers->ca_pem, CURLOPT_CAINFO,
		transfers->ca_file);
	if (transfers->ca_pem != NULL || transfers->ca_file != NULL)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* instead, not in addition */
	if (!trusted || (transfers->certificate_pem == NULL && transfers->certificate == NULL))
		return;
	pem_set(transfer, CURLOPT_SSLCERT_BLOB, transfers->certificate_pem, CURLOPT_SSLCERT,
		transfers->certificate);
	/* curl takes the key out of a certificate's file, but not out of its bytes. */
	pem_set(transfer, CURLOPT_SSLKEY_BLOB,
		transfers->key_pem != NULL ? transfers->key_pem : transfers->certificate_pem,
		CURLOPT_SSLKEY, transfers->key);
}

static void header_add(struct transfer *transfer, const char *line)
{
	transfer->headers = curl_slist_append(transfer->headers, line);
}

static void range_set(struct transfer *transfer, const struct transfer_request *request)
{
	g_autofree char *first = g_strdup_printf("%" G_GUINT64_FORMAT "-", request->start);
	g_autofree char *range = request->end == UINT64_MAX
					 ? g_strdup(first)
					 : g_strdup_printf("%s%" G_GUINT64_FORMAT, first,
							   request->end - 1);

	curl_easy_setopt(transfer->easy, CURLOPT_RANGE, range);
	if (request->if_range != NULL) {
		g_autofree char *line = g_strdup_printf("If-Range: %s", request->if_range);

		header_add(transfer, line);
	}
}

static void call_set(struct transfer *transfer, const struct transfer_call *call)
{
	for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++)
		header_add(transfer, call->headers[i]);
	if (call->body == NULL)
		return;
	header_add(transfer, "Expect:"); /* not a round trip more for a small body */
	curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
	curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, (const char *)call->body);
}

static void request_set(struct transfer *transfer, const struct transfer_request *request)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "azupdate/" AZUPDATE_VERSION);
	if (request->call != NULL)
		call_set(transfer, request->call);
	else if (!request->whole)
		range_set(transfer, request);
	if (transfer->headers != NULL)
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (request->user == NULL && request->password == NULL)
		return;
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(easy, CURLOPT_USERNAME, request->user != NULL ? request->user : "");
	curl_easy_setopt(easy, CURLOPT_PASSWORD,
			 request->password != NULL ? request->password : "");
}

struct transfer *transfer_start(struct transfers *transfers, const struct transfer_request *request)
{
	struct transfer *transfer = g_new0(struct transfer, 1);
	CURL *easy = curl_easy_init();

	transfer->transfers = transfers;
	transfer->easy = easy;
	transfer->user_data = request->user_data;
	connection_set(transfer, request->trusted);
	request_set(transfer, request);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_multi_add_handle(transfers->multi, easy);
	return transfer;
}

void transfer_stop(struct transfer *transfer)
{
	if (transfer == NULL)
		return;
	curl_multi_remove_handle(transfer->transfers->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	g_free(transfer);
}

void transfer_resume(struct transfer *transfer)
{
	curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

static enum transfer_result result_find(CURLcode code)
{
	static const struct {
		CURLcode code;
		enum transfer_result result;
	} ROWS[] = {
		{ CURLE_OK, TRANSFER_DONE },
		{ CURLE_COULDNT_RESOLVE_HOST, TRANSFER_CONNECT },
		{ CURLE_COULDNT_RESOLVE_PROXY, TRANSFER_CONNECT },
		{ CURLE_COULDNT_CONNECT, TRANSFER_CONNECT },
		{ CURLE_OPERATION_TIMEDOUT, TRANSFER_CONNECT }, /* the only timeout there is */
		{ CURLE_SSL_CONNECT_ERROR, TRANSFER_TLS },
		{ CURLE_PEER_FAILED_VERIFICATION, TRANSFER_TRUST },
		{ CURLE_SSL_CERTPROBLEM, TRANSFER_TRUST },
		{ CURLE_SSL_CACERT_BADFILE, TRANSFER_TRUST },
		{ CURLE_SSL_CIPHER, TRANSFER_TRUST },
		{ CURLE_SSL_ISSUER_ERROR, TRANSFER_TRUST },
		{ CURLE_SSL_INVALIDCERTSTATUS, TRANSFER_TRUST },
		{ CURLE_UNSUPPORTED_PROTOCOL, TRANSFER_ANSWER }, /* such as HTTP/0.9 */
		{ CURLE_WEIRD_SERVER_REPLY, TRANSFER_ANSWER },
		{ CURLE_BAD_CONTENT_ENCODING, TRANSFER_ANSWER },
		{ CURLE_OUT_OF_MEMORY, TRANSFER_ANSWER }, /* such as a line of 100 KB */
		{ CURLE_RANGE_ERROR, TRANSFER_ANSWER },
		{ CURLE_PROXY, TRANSFER_PROXY },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (ROWS[i].code == code)
			return ROWS[i].result;
	return TRANSFER_LOST;
}

/* A proxy that refuses to connect will go on refusing, unless it only has no time. */
static gboolean proxy_refused(const struct transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status >= 400 && status < 500 && status != 408 && status != 429;
}

static void transfer_end(struct transfer *transfer, CURLcode code)
{
	const struct transfer_events *events = transfer->transfers->events;
	enum transfer_result result = transfer->stopped ? TRANSFER_STOPPED : result_find(code);
	gpointer user_data = transfer->user_data;
	g_autofree char *text = g_strdup(curl_easy_strerror(code));

	if (code != CURLE_OK && proxy_refused(transfer))
		result = TRANSFER_PROXY;
	/* Of TLS the details are worth more than the name; others may hold a proxy's password. */
	if ((result == TRANSFER_TLS || result == TRANSFER_TRUST) && transfer->message[0] != '\0') {
		g_free(text);
		text = g_strdup(transfer->message);
	}
	transfer_stop(transfer);
	events->ended(user_data, result, text);
}

void transfers_move(struct transfers *transfers)
{
	int running = 0;
	int left = 0;
	CURLMsg *message;

	curl_multi_perform(transfers->multi, &running);
	while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
		const CURLcode code = message->data.result;
		struct transfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		transfer_end(transfer, code);
	}
}

void transfers_wait(struct transfers *transfers, unsigned time_ms)
{
	curl_multi_poll(transfers->multi, NULL, 0, (int)time_ms, NULL);
}

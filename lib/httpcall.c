/* SPDX-License-Identifier: MIT */
#include "httpcall.h"

#include "callform.h"
#include "failure.h"
#include "httpanswer.h"
#include "httpcall_worker.h"
#include "transfer.h"

enum { WAIT_MS = 100 };

struct call {
	const struct httpcall *asked;
	struct httpanswer answer;
	GByteArray *body;
	struct transfer *transfer; /* NULL: ended */
	fault why;                 /* FAULT_OK: it is as it should be, so far */
	char *text;
};

static void call_fail(struct call *call, fault why, const char *text)
{
	if (call->why != FAULT_OK)
		return;
	call->why = why;
	call->text = g_strdup(text);
}

static enum transfer_step call_header(gpointer user_data, const char *line, size_t size_bytes)
{
	struct call *call = user_data;

	if (!httpanswer_add(&call->answer, line, size_bytes)) {
		call_fail(call, FAULT_HTTP_ANSWER, "the server's header has no end");
		return TRANSFER_STOP;
	}
	if (call->answer.complete && call->answer.encoded) {
		call_fail(call, FAULT_HTTP_ANSWER, "the server packs what was asked for as it is");
		return TRANSFER_STOP;
	}
	return TRANSFER_MORE;
}

static enum transfer_step call_body(gpointer user_data, const uint8_t *bytes, size_t size_bytes)
{
	struct call *call = user_data;

	if (size_bytes > call->asked->answer_max - call->body->len) {
		g_autofree char *text = g_strdup_printf("the answer is larger than %zu bytes",
							call->asked->answer_max);

		call_fail(call, FAULT_CALL_SIZE, text);
		return TRANSFER_STOP;
	}
	g_byte_array_append(call->body, bytes, (guint)size_bytes);
	return TRANSFER_MORE;
}

static void call_ended(gpointer user_data, enum transfer_result result, const char *text)
{
	struct call *call = user_data;

	call->transfer = NULL;
	switch (result) {
	case TRANSFER_DONE:
		if (!call->answer.complete || call->answer.malformed)
			call_fail(call, FAULT_HTTP_ANSWER, "the server's header is malformed");
		break;
	case TRANSFER_STOPPED: /* by call_header() or call_body(), which said why */
		break;
	case TRANSFER_LOST:
		call_fail(call, FAULT_HTTP_TRANSFER, text);
		break;
	case TRANSFER_CONNECT:
	case TRANSFER_PROXY:
		call_fail(call, FAULT_HTTP_CONNECT, text);
		break;
	case TRANSFER_TLS:
	case TRANSFER_TRUST:
		call_fail(call, FAULT_HTTP_TLS, text);
		break;
	case TRANSFER_ANSWER:
		call_fail(call, FAULT_HTTP_ANSWER, text);
		break;
	}
}

/* Until it has ended, by itself or because nobody waits for it any longer. */
static void call_wait(struct call *call, struct transfers *transfers, GCancellable *cancellable)
{
	const gint64 end_us = g_get_monotonic_time() + (gint64)call->asked->time_s * G_USEC_PER_SEC;

	for (;;) {
		const gint64 left_us = end_us - g_get_monotonic_time();

		transfers_move(transfers);
		if (call->transfer == NULL)
			return;
		if (g_cancellable_is_cancelled(cancellable)) {
			call_fail(call, FAULT_JOB_CANCELLED, "cancelled");
			break;
		}
		if (left_us <= 0) {
			g_autofree char *text = g_strdup_printf("no whole answer within %u s",
								call->asked->time_s);

			call_fail(call, FAULT_CALL_TIME, text);
			break;
		}
		transfers_wait(transfers, (unsigned)MIN(left_us / 1000 + 1, WAIT_MS));
	}
	transfer_stop(call->transfer);
	call->transfer = NULL;
}

static void call_make(struct call *call, const struct transfer_url *url,
		      const struct source_options *network, GCancellable *cancellable)
{
	static const struct transfer_events EVENTS = { .header = call_header,
						       .body = call_body,
						       .ended = call_ended };
	const struct transfer_call sent = { call->asked->headers,
					    (const uint8_t *)call->asked->body,
					    call->asked->body_bytes };
	const struct transfer_request request = { .url = url->text,
						  .user = url->user,
						  .password = url->password,
						  .trusted = TRUE,
						  .call = &sent,
						  .user_data = call };
	struct transfers *transfers = transfers_new(network, &EVENTS);

	call->transfer = transfer_start(transfers, &request);
	call_wait(call, transfers, cancellable);
	transfers_free(transfers);
}

static void answer_take(struct call *call, struct httpcall_answer *ret_answer)
{
	const guint size_bytes = call->body->len;

	g_byte_array_append(call->body, (const guint8 *)"", 1);
	*ret_answer = (struct httpcall_answer){
		.status = call->answer.status,
		.retry_after_s = call->answer.retry_after_s,
		.body = (char *)g_byte_array_free(g_steal_pointer(&call->body), FALSE),
		.body_bytes = size_bytes,
	};
}

gboolean httpcall_run(const struct httpcall *asked, const struct source_options *network,
		      GCancellable *cancellable, struct httpcall_answer *ret_answer, GError **error)
{
	const struct source_options fallback = source_options_default();
	g_autofree char *name = source_url_for_people(asked->url);
	struct call call = { .asked = asked, .why = FAULT_OK };
	struct transfer_url url;

	g_assert(asked->body_bytes <= HTTPCALL_BODY_MAX);
	g_assert(asked->time_s >= 1 && asked->time_s <= HTTPCALL_TIME_S_MAX);
	if (network != NULL && network->workers != NULL)
		return httpcall_worker_run(asked, network, cancellable, ret_answer, error);
	if (!transfer_url_parse(NULL, asked->url, &url))
		return failure_set(error, FAULT_HTTP_URL, "not an http or https address: %s", name);
	call.body = g_byte_array_new();
	call_make(&call, &url, network != NULL ? network : &fallback, cancellable);
	transfer_url_clear(&url);
	if (call.why == FAULT_OK)
		answer_take(&call, ret_answer);
	else
		failure_set(error, call.why, "%s: %s", name, call.text);
	httpanswer_clear(&call.answer);
	g_clear_pointer(&call.body, g_byte_array_unref);
	g_free(call.text);
	return call.why == FAULT_OK && callform_apply(&asked->form, ret_answer, error);
}

void httpcall_answer_clear(struct httpcall_answer *answer)
{
	g_free(answer->body);
	*answer = (struct httpcall_answer){ 0 };
}

gboolean httpcall_may_pass(const GError *error)
{
	const fault why = failure_code(error);

	return why == FAULT_HTTP_CONNECT || why == FAULT_HTTP_TRANSFER || why == FAULT_CALL_TIME;
}

gboolean httpcall_status_may_pass(unsigned status)
{
	return status == 408 || status == 429 || status >= 500;
}

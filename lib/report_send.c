/* SPDX-License-Identifier: MIT */
/* Delivery: the oldest events first, some in each POST. What a server refuses is tried one by one,
 * so that one event that it does not like costs no other. */
#include <string.h>

#include "azupdate/azupdate.h"
#include "failure.h"
#include "httpcall.h"
#include "json.h"
#include "report.h"
#include "reportspool.h"

struct delivery {
	const struct report_sender *sender;
	struct reportspool *spool;
	GCancellable *cancellable;
	unsigned batch;   /* events in the next POST at most */
	uint64_t dropped; /* that the spool does not count yet */
};

enum verdict {
	VERDICT_TAKEN,
	VERDICT_REFUSED, /* for what is in it */
	VERDICT_LATER,
};

static int64_t now_ms(void)
{
	return g_get_real_time() / 1000;
}

/* Appends the events from the list's start on. *ret_count: how many numbers that covers, with those
 * of events that cannot be read, which are given up. */
static void events_gather(struct delivery *delivery, const GArray *list, json_t *events,
			  guint *ret_count)
{
	guint i = 0;

	for (; i < list->len && json_array_size(events) < delivery->batch; i++) {
		const uint64_t sequence = g_array_index(list, uint64_t, i);
		g_autofree char *text = reportspool_read(delivery->spool, sequence);
		g_autofree char *why = NULL;
		json_t *event = text != NULL ? json_object_parse(text, strlen(text), &why) : NULL;

		if (event != NULL) {
			json_array_append_new(events, event);
			continue;
		}
		g_warning("an event that was kept for the report server is damaged, and given up");
		/* If that fails it does again in events_remove(), which tells. */
		(void)reportspool_remove(delivery->spool, sequence, NULL);
		delivery->dropped++;
	}
	*ret_count = i;
}

static char *document_new(const struct delivery *delivery, json_t *events)
{
	const struct report_sender *sender = delivery->sender;
	g_autoptr(JsonValue) document = json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:O}", "schema", AZUPDATE_SCHEMA_EVENT, "machine",
		sender->machine_id, "product", sender->product, "architecture",
		sender->architecture, "dropped",
		(json_int_t)(delivery->spool->dropped + delivery->dropped), "events", events);

	return json_text(document, JSON_COMPACT);
}

static enum verdict status_judge(unsigned status)
{
	if (status >= 200 && status < 300)
		return VERDICT_TAKEN;
	/* Others, such as 401 or 404, are about us or the address; somebody will correct that. */
	return status == 400 || status == 413 || status == 415 || status == 422 ? VERDICT_REFUSED
										: VERDICT_LATER;
}

/* *ret_wait_ms: how long the server wants to be left alone. */
static gboolean document_post(const struct delivery *delivery, const char *text,
			      enum verdict *ret_verdict, uint64_t *ret_wait_ms, GError **error)
{
	static const char *const HEADERS[] = { "Content-Type: application/json", NULL };
	const struct report_sender *sender = delivery->sender;
	const struct httpcall call = { .url = sender->url,
				       .headers = HEADERS,
				       .body = text,
				       .body_bytes = strlen(text),
				       .answer_max = REPORT_ANSWER_MAX,
				       .time_s = REPORT_TIME_S };
	g_autofree char *name = source_url_for_people(sender->url);
	struct httpcall_answer answer;
	unsigned status;

	*ret_wait_ms = 0;
	if (!httpcall_run(&call, sender->network, delivery->cancellable, &answer, error))
		return FALSE;
	status = answer.status;
	*ret_wait_ms = (uint64_t)answer.retry_after_s * 1000;
	*ret_verdict = status_judge(status);
	httpcall_answer_clear(&answer);
	return *ret_verdict != VERDICT_LATER ||
	       failure_set(error, FAULT_HTTP_STATUS, "%s answers with status %u", name, status);
}

static gboolean events_remove(const struct delivery *delivery, const GArray *list, guint count,
			      GError **error)
{
	for (guint i = 0; i < count; i++)
		if (!reportspool_remove(delivery->spool, g_array_index(list, uint64_t, i), error))
			return FALSE;
	return TRUE;
}

/* One POST. FALSE: it is to be tried later. */
static gboolean batch_deliver(struct delivery *delivery, const GArray *list, uint64_t *ret_wait_ms,
			      GError **error)
{
	g_autoptr(JsonValue) events = json_array();
	g_autofree char *text = NULL;
	enum verdict verdict = VERDICT_TAKEN;
	guint count;

	*ret_wait_ms = 0;
	events_gather(delivery, list, events, &count);
	text = document_new(delivery, events);
	if (json_array_size(events) > 0 &&
	    !document_post(delivery, text, &verdict, ret_wait_ms, error))
		return FALSE;
	if (verdict == VERDICT_REFUSED && json_array_size(events) > 1) {
		delivery->batch = 1;
		return TRUE;
	}
	if (verdict == VERDICT_REFUSED) {
		g_warning("the report server does not want an event, which is given up");
		delivery->dropped++;
	}
	return events_remove(delivery, list, count, error);
}

/* A clock that was set back must not keep us waiting for years. */
static gboolean is_due(const struct backoff *backoff, int64_t now)
{
	return backoff->failures == 0 || now >= backoff->until_ms || now < backoff->since_ms ||
	       backoff->until_ms - now > (int64_t)backoff->most_ms;
}

static gboolean spool_deliver(struct delivery *delivery, GError **error)
{
	struct backoff *backoff = &delivery->spool->backoff;

	for (;;) {
		g_autoptr(GArray) list = reportspool_list(delivery->spool);
		uint64_t wait_ms;

		if (list->len == 0) {
			backoff_succeed(backoff);
			return TRUE;
		}
		if (!batch_deliver(delivery, list, &wait_ms, error)) {
			/* Its patience is longer than anything. */
			(void)backoff_fail(backoff, now_ms(), g_random_int(), wait_ms);
			return FALSE;
		}
	}
}

static unsigned seconds_left(const struct reportspool *spool)
{
	const int64_t left_ms = spool->backoff.until_ms - now_ms();

	return (unsigned)CLAMP((left_ms + 999) / 1000, 1, REPORT_RETRY_MOST_S);
}

/* Into the state as it is by now: events may have been kept meanwhile. */
static gboolean outcome_save(const struct delivery *delivery, GError **error)
{
	struct reportspool now;
	gboolean done;

	reportspool_lock();
	reportspool_init(&now, delivery->sender->state_dir);
	now.backoff = delivery->spool->backoff;
	now.dropped += delivery->dropped;
	done = reportspool_save(&now, error);
	reportspool_done(&now);
	reportspool_unlock();
	return done;
}

static gboolean spool_send(struct delivery *delivery, unsigned *ret_next_s, GError **error)
{
	struct reportspool *spool = delivery->spool;
	g_autoptr(GArray) list = reportspool_list(spool);
	gboolean done;

	*ret_next_s = 0;
	if (list->len == 0)
		return TRUE;
	if (!is_due(&spool->backoff, now_ms())) {
		*ret_next_s = seconds_left(spool);
		return TRUE;
	}
	if (spool->backoff.failures > 0)
		spool->backoff.until_ms = 0; /* the wait is over, whatever the clock did */
	done = spool_deliver(delivery, error);
	if (!done)
		*ret_next_s = seconds_left(spool);
	/* With a failure already set, that of saving would say less. */
	return outcome_save(delivery, done ? error : NULL) && done;
}

gboolean report_send(const struct report_sender *sender, GCancellable *cancellable,
		     unsigned *ret_next_s, GError **error)
{
	struct reportspool spool;
	struct delivery delivery = { sender, &spool, cancellable, REPORT_BATCH_MAX, 0 };
	gboolean done;

	reportspool_init(&spool, sender->state_dir);
	done = spool_send(&delivery, ret_next_s, error);
	reportspool_done(&spool);
	return done;
}

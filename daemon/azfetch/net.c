/* SPDX-License-Identifier: MIT */
/* What the network worker does: HTTP and TLS, and nothing with what comes but pass it on. */
#include <string.h>

#include "callform.h"
#include "failure.h"
#include "httpcall.h"
#include "session.h"
#include "source.h"
#include "tufget.h"
#include "workeroptions.h"

/* Both kinds of event together stay below what the daemon takes for a flood (EVENTS_PER_S of
 * lib/worker.c), however short the waits are. */
enum { TICK_US = 2 * G_USEC_PER_SEC, WAITING_US = G_USEC_PER_SEC / 10 };

/* One process serves one server, and in one way. */
static struct {
	struct sharedmem memory;
	struct workeroptions_read *options; /* NULL: not opened yet */
	struct source_options network;
	struct source *source; /* one of these two, or neither: a call */
	struct tufget *files;
	gint64 tick_us;    /* of the last sign of life */
	gint64 waiting_us; /* of the last wait that was told */
} net;

static void waiting_tell(gpointer user_data, const char *why, unsigned wait_ms)
{
	struct workerwire_message message = { .kind = WORKERWIRE_WAITING, .numbers = { wait_ms } };
	const gint64 now_us = g_get_monotonic_time();

	if (now_us - net.waiting_us < WAITING_US)
		return; /* the one before has hardly been read */
	net.waiting_us = now_us;
	workerwire_text_set(&message, why);
	session_say(&message);
}

static void tick_tell(gpointer user_data)
{
	const struct workerwire_message message = { .kind = WORKERWIRE_ALIVE };
	const gint64 now_us = g_get_monotonic_time();

	if (now_us - net.tick_us < TICK_US)
		return;
	net.tick_us = now_us;
	session_say(&message);
}

static gboolean open_kind(uint64_t kind, GError **error)
{
	const struct workeroptions *options = workeroptions_get(net.options);

	net.network = options->network;
	net.network.waiting = waiting_tell;
	net.network.tick = tick_tell;
	switch (kind) {
	case WORKERWIRE_OPEN_SOURCE:
		net.source = source_open_http(options->url, &net.network, NULL, error);
		return net.source != NULL;
	case WORKERWIRE_OPEN_FILES:
		net.files = tufget_http(options->url, &net.network, options->file_time_s, NULL,
					error);
		return net.files != NULL;
	case WORKERWIRE_OPEN_CALL:
		return TRUE;
	default:
		return session_refuse(error);
	}
}

static gboolean open_do(const struct request *request, struct workerwire_message *answer,
			GError **error)
{
	if (net.options != NULL)
		return session_refuse(error);
	if (!session_memory(request, &net.memory, error))
		return FALSE;
	net.options = workeroptions_decode(&net.memory, (size_t)request->message->numbers[0]);
	if (net.options == NULL)
		return session_refuse(error);
	workeroptions_environment(net.options);
	return open_kind(request->message->numbers[1], error);
}

static gboolean read_do(const struct request *request, struct workerwire_message *answer,
			GError **error)
{
	const uint64_t size_bytes = request->message->numbers[1];
	gboolean done;

	if (net.source == NULL || size_bytes > MIN(WORKERWIRE_CHUNK, net.memory.size_bytes))
		return session_refuse(error);
	net.tick_us = g_get_monotonic_time();
	done = source_read(net.source, request->message->numbers[0], net.memory.bytes,
			   (size_t)size_bytes, error);
	answer->numbers[0] = net.source->total_bytes;
	answer->numbers[1] = net.source->fetched_bytes;
	answer->numbers[2] = net.source->requests;
	answer->numbers[3] = net.source->retries;
	return done;
}

static gboolean schedule_do(const struct request *request, struct workerwire_message *answer,
			    GError **error)
{
	const uint64_t count = request->message->numbers[0];

	if (net.source == NULL || count > net.memory.size_bytes / sizeof(struct source_range))
		return session_refuse(error);
	source_schedule(net.source, (const struct source_range *)(gpointer)net.memory.bytes,
			(size_t)count);
	return TRUE;
}

static gboolean file_get(const struct request *request, const struct sharedmem *memory,
			 struct workerwire_message *answer, GError **error)
{
	const uint64_t max = request->message->numbers[0];
	const uint64_t name_size = request->message->numbers[1];
	struct tuftransport *transport = tufget_transport(net.files);
	g_autofree char *name = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (max > memory->size_bytes || name_size == 0 || name_size > WORKERWIRE_NAME_MAX ||
	    name_size > memory->size_bytes)
		return session_refuse(error);
	name = g_strndup((const char *)memory->bytes, (gsize)name_size);
	if (!transport->get(transport, name, (size_t)max, &bytes, error))
		return FALSE;
	answer->numbers[0] = bytes != NULL;
	answer->numbers[1] = bytes != NULL ? g_bytes_get_size(bytes) : 0;
	if (answer->numbers[1] > 0)
		memcpy(memory->bytes, g_bytes_get_data(bytes, NULL), (size_t)answer->numbers[1]);
	return TRUE;
}

static gboolean get_do(const struct request *request, struct workerwire_message *answer,
		       GError **error)
{
	struct sharedmem memory;
	gboolean done;

	if (net.files == NULL || !session_memory(request, &memory, error))
		return net.files == NULL ? session_refuse(error) : FALSE;
	done = file_get(request, &memory, answer, error);
	sharedmem_done(&memory);
	return done;
}

static gboolean call_do(const struct request *request, struct workerwire_message *answer,
			GError **error)
{
	struct httpcall_answer got = { 0 };
	const struct httpcall *call;

	if (net.options == NULL)
		return session_refuse(error);
	call = &workeroptions_get(net.options)->call;
	if (call->answer_max > net.memory.size_bytes || call->body_bytes > HTTPCALL_BODY_MAX ||
	    call->time_s < 1 || call->time_s > HTTPCALL_TIME_S_MAX ||
	    callform_size_max(&call->form, call->answer_max) > net.memory.size_bytes ||
	    (call->form.kind == HTTPCALL_OMAHA && call->form.app == NULL))
		return session_refuse(error);
	if (!httpcall_run(call, &net.network, NULL, &got, error))
		return FALSE;
	answer->numbers[0] = got.status;
	answer->numbers[1] = got.retry_after_s;
	answer->numbers[2] = got.body_bytes;
	memcpy(net.memory.bytes, got.body, got.body_bytes);
	httpcall_answer_clear(&got);
	return TRUE;
}

const session_func NET_FUNCTIONS[WORKERWIRE_KIND_COUNT] = {
	[WORKERWIRE_OPEN] = open_do,         [WORKERWIRE_READ] = read_do,
	[WORKERWIRE_SCHEDULE] = schedule_do, [WORKERWIRE_GET] = get_do,
	[WORKERWIRE_CALL] = call_do,
};

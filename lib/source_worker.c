/* SPDX-License-Identifier: MIT */
#include "source_worker.h"

#include <string.h>

#include "failure.h"
#include "worker.h"
#include "workeroptions.h"

struct source_worker {
	struct source source;
	struct worker *worker;
	struct sharedmem memory;
	/* What it takes to begin anew. */
	struct workeroptions options;
	char *url, *proxy, *ca_file, *certificate, *key;
	struct source_range *ranges;
	size_t range_count;
	gboolean was_begun_anew;
	struct source before; /* the counters of the worker that has died */
};

static const fault FAULTS[] = { FAULT_BUNDLE_TRUNCATED, FAULT_BUNDLE_RANGE,  FAULT_HTTP_URL,
				FAULT_HTTP_CONNECT,     FAULT_HTTP_TLS,      FAULT_HTTP_TRANSFER,
				FAULT_HTTP_STATUS,      FAULT_HTTP_REDIRECT, FAULT_HTTP_ANSWER,
				FAULT_HTTP_REPLACED,    FAULT_HTTP_RANGE,    FAULT_OK };

static gboolean waiting_tell(gpointer user_data, const struct workerwire_message *message)
{
	const struct source_worker *remote = user_data;
	const struct source_options *options = &remote->options.network;
	g_autofree char *why = NULL;

	if (message->kind != WORKERWIRE_WAITING ||
	    message->numbers[0] > (guint64)SOURCE_RETRY_TIME_S_MAX * 1000)
		return FALSE;
	why = workerwire_text(message);
	if (options->waiting != NULL)
		options->waiting(options->user_data, why, (unsigned)message->numbers[0]);
	return TRUE;
}

static gboolean remote_call(struct source_worker *remote, struct worker_call *call, GError **error)
{
	call->faults = FAULTS;
	call->event = waiting_tell;
	call->user_data = remote;
	return worker_call(remote->worker, call, error);
}

static gboolean remote_open(struct source_worker *remote, GError **error)
{
	struct worker_call call = {
		.message = { .kind = WORKERWIRE_OPEN, .numbers = { 0, WORKERWIRE_OPEN_SOURCE } },
		.fds = { { remote->memory.fd }, 1 },
	};

	call.message.numbers[0] = workeroptions_encode(&remote->options, &remote->memory, error);
	if (call.message.numbers[0] == 0)
		return FALSE;
	remote->worker = worker_new(remote->options.network.workers, WORKER_NET,
				    remote->source.cancellable, FAULT_CONVERGE_CANCELLED, error);
	return remote->worker != NULL && remote_call(remote, &call, error);
}

static gboolean remote_schedule(struct source_worker *remote, GError **error)
{
	struct worker_call call = { .message = { .kind = WORKERWIRE_SCHEDULE,
						 .numbers = { remote->range_count } } };

	if (remote->range_count > 0)
		memcpy(remote->memory.bytes, remote->ranges,
		       remote->range_count * sizeof *remote->ranges);
	return remote_call(remote, &call, error);
}

/* A lie in here only gives wrong figures. */
static void counters_take(struct source_worker *remote, const struct workerwire_message *message)
{
	struct source *source = &remote->source;

	source->total_bytes = message->numbers[0];
	source->fetched_bytes = remote->before.fetched_bytes + message->numbers[1];
	source->requests = remote->before.requests + (unsigned)message->numbers[2];
	source->retries = remote->before.retries + (unsigned)message->numbers[3];
}

static gboolean chunk_read(struct source_worker *remote, uint64_t offset, uint8_t *bytes,
			   size_t size_bytes, GError **error)
{
	struct worker_call call = { .message = { .kind = WORKERWIRE_READ,
						 .numbers = { offset, size_bytes } } };

	const gboolean done = remote_call(remote, &call, error);

	if (call.message.kind == WORKERWIRE_DONE || call.message.kind == WORKERWIRE_FAILED)
		counters_take(remote, &call.message);
	if (!done)
		return FALSE;
	memcpy(bytes, remote->memory.bytes, size_bytes);
	return TRUE;
}

/* One that died, of lack of memory for instance, may have more luck the next time. */
static gboolean remote_revive(struct source_worker *remote, const GError *why, GError **error)
{
	if (failure_code(why) != FAULT_WORKER_DIED || remote->was_begun_anew) {
		g_propagate_error(error, g_error_copy(why));
		return FALSE;
	}
	g_warning("%s: %s; a new one goes on", remote->source.name, why->message);
	remote->was_begun_anew = TRUE;
	remote->before = remote->source;
	g_clear_pointer(&remote->worker, worker_free);
	return remote_open(remote, error) && remote_schedule(remote, error);
}

static gboolean remote_read(struct source *source, uint64_t offset, uint8_t *bytes,
			    size_t size_bytes, GError **error)
{
	struct source_worker *remote = (struct source_worker *)source;

	if (size_bytes > UINT64_MAX - offset)
		return failure_set(error, FAULT_BUNDLE_RANGE,
				   "%s: byte %" G_GUINT64_FORMAT " cannot be", source->name,
				   offset);
	for (size_t done = 0, size; done < size_bytes; done += size) {
		g_autoptr(GError) why = NULL;

		size = MIN(size_bytes - done, WORKERWIRE_CHUNK);
		if (chunk_read(remote, offset + done, bytes + done, size, &why))
			continue;
		if (!remote_revive(remote, why, error) ||
		    !chunk_read(remote, offset + done, bytes + done, size, error))
			return FALSE;
	}
	return TRUE;
}

/* What fails here fails again at the next read, which says so. */
static void remote_announce(struct source *source, const struct source_range *ranges, size_t count)
{
	struct source_worker *remote = (struct source_worker *)source;

	remote->range_count = MIN(count, remote->memory.size_bytes / sizeof *ranges);
	g_free(remote->ranges);
	remote->ranges = g_memdup2(ranges, remote->range_count * sizeof *ranges);
	(void)remote_schedule(remote, NULL);
}

static void remote_close(struct source *source)
{
	struct source_worker *remote = (struct source_worker *)source;

	worker_free(remote->worker);
	sharedmem_done(&remote->memory);
	g_free(remote->ranges);
	g_free(remote->url);
	g_free(remote->proxy);
	g_free(remote->ca_file);
	g_free(remote->certificate);
	g_free(remote->key);
	g_free(remote);
}

static void options_keep(struct source_worker *remote, const char *url,
			 const struct source_options *options)
{
	struct source_options *network = &remote->options.network;

	*network = *options;
	remote->options.url = remote->url = g_strdup(url);
	network->proxy = remote->proxy = g_strdup(options->proxy);
	network->ca_file = remote->ca_file = g_strdup(options->ca_file);
	network->certificate = remote->certificate = g_strdup(options->certificate);
	network->key = remote->key = g_strdup(options->key);
}

struct source *source_open_worker(const char *url, const struct source_options *options,
				  GCancellable *cancellable, GError **error)
{
	static const struct source_ops OPS = { .read = remote_read,
					       .schedule = remote_announce,
					       .close = remote_close };
	struct source_worker *remote = g_new0(struct source_worker, 1);

	options_keep(remote, url, options);
	remote->source.ops = &OPS;
	remote->source.name = source_url_for_people(url);
	remote->source.cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	remote->memory.fd = -1;
	if (sharedmem_init(&remote->memory, WORKERWIRE_OPTIONS_MAX, error) &&
	    remote_open(remote, error))
		return &remote->source;
	source_close(&remote->source);
	return NULL;
}

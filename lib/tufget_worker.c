/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "failure.h"
#include "tufget_private.h"
#include "worker.h"
#include "workeroptions.h"

enum { PATIENCE_S = 30 }; /* beyond the time that a file may take */

struct tufget_worker {
	struct worker *worker; /* NULL: not begun */
	struct workeroptions options;
	char *url, *proxy, *ca_file, *certificate, *key;
};

static const fault FAULTS[] = { FAULT_HTTP_URL,    FAULT_HTTP_CONNECT,
				FAULT_HTTP_TLS,    FAULT_HTTP_TRANSFER,
				FAULT_HTTP_STATUS, FAULT_HTTP_REDIRECT,
				FAULT_HTTP_ANSWER, FAULT_REPO_SLOW,
				FAULT_TUF_LENGTH,  FAULT_OK };

struct tufget_worker *tufget_worker_new(const char *url, const struct source_options *options,
					unsigned file_time_s)
{
	struct tufget_worker *remote = g_new0(struct tufget_worker, 1);
	struct source_options *network = &remote->options.network;

	*network = *options;
	remote->options.url = remote->url = g_strdup(url);
	remote->options.file_time_s = file_time_s;
	network->proxy = remote->proxy = g_strdup(options->proxy);
	network->ca_file = remote->ca_file = g_strdup(options->ca_file);
	network->certificate = remote->certificate = g_strdup(options->certificate);
	network->key = remote->key = g_strdup(options->key);
	return remote;
}

void tufget_worker_free(struct tufget_worker *remote)
{
	if (remote == NULL)
		return;
	worker_free(remote->worker);
	g_free(remote->url);
	g_free(remote->proxy);
	g_free(remote->ca_file);
	g_free(remote->certificate);
	g_free(remote->key);
	g_free(remote);
}

static gboolean remote_call(struct tufget_worker *remote, struct worker_call *call, GError **error)
{
	call->faults = FAULTS;
	call->patience_s = remote->options.file_time_s + PATIENCE_S;
	return worker_call(remote->worker, call, error);
}

static gboolean remote_begin(struct tufget *get, GError **error)
{
	struct tufget_worker *remote = get->worker;
	struct sharedmem memory;
	struct worker_call call = { .message = { .kind = WORKERWIRE_OPEN,
						 .numbers = { 0, WORKERWIRE_OPEN_FILES } } };
	gboolean done;

	if (!sharedmem_init(&memory, WORKERWIRE_OPTIONS_MAX, error))
		return FALSE;
	call.fds = (struct workerwire_fds){ { memory.fd }, 1 };
	call.message.numbers[0] = workeroptions_encode(&remote->options, &memory, error);
	remote->worker = call.message.numbers[0] == 0
				 ? NULL
				 : worker_new(remote->options.network.workers, WORKER_NET,
					      get->cancellable, FAULT_JOB_CANCELLED, error);
	done = remote->worker != NULL && remote_call(remote, &call, error);
	if (!done)
		g_clear_pointer(&remote->worker, worker_free);
	sharedmem_done(&memory);
	return done;
}

static gboolean answer_take(struct tufget_worker *remote, const struct workerwire_message *message,
			    const struct sharedmem *memory, GBytes **ret_bytes, GError **error)
{
	const gboolean is_there = message->numbers[0] != 0;
	const uint64_t size_bytes = message->numbers[1];

	if (is_there && size_bytes > memory->size_bytes)
		return worker_lied(remote->worker, "gives more than was asked for", error);
	if (is_there)
		*ret_bytes = g_bytes_new(memory->bytes, (gsize)size_bytes);
	return TRUE;
}

gboolean tufget_worker_get(struct tuftransport *transport, const char *name, size_t max,
			   GBytes **ret_bytes, GError **error)
{
	struct tufget *get = (struct tufget *)transport;
	const size_t name_size = strlen(name) + 1;
	struct worker_call call = { .message = { .kind = WORKERWIRE_GET,
						 .numbers = { max, name_size } } };
	struct sharedmem memory;
	GError *why = NULL;
	gboolean done;

	*ret_bytes = NULL;
	if (name_size > WORKERWIRE_NAME_MAX || max > WORKERWIRE_MEMORY_MAX)
		return failure_set(
			error, FAULT_WORKER_OPTIONS,
			"a file of %zu bytes with a name of %zu is too much for a worker", max,
			name_size);
	if ((get->worker->worker == NULL && !remote_begin(get, error)) ||
	    !sharedmem_init(&memory, MAX(max, WORKERWIRE_NAME_MAX), error))
		return FALSE;
	memcpy(memory.bytes, name, name_size);
	call.fds = (struct workerwire_fds){ { memory.fd }, 1 };
	done = remote_call(get->worker, &call, &why) &&
	       answer_take(get->worker, &call.message, &memory, ret_bytes, &why);
	sharedmem_done(&memory);
	if (done)
		return TRUE;
	/* The next file has a new one. */
	if (worker_is_to_blame(why))
		g_clear_pointer(&get->worker->worker, worker_free);
	g_propagate_error(error, why);
	return FALSE;
}

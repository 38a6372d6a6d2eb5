/* SPDX-License-Identifier: MIT */
#include "httpcall_worker.h"

#include <string.h>

#include "failure.h"
#include "worker.h"
#include "workeroptions.h"

enum { PATIENCE_S = 30 }; /* beyond the time that the call may take */

static const fault FAULTS[] = { FAULT_HTTP_URL,    FAULT_HTTP_CONNECT,
				FAULT_HTTP_TLS,    FAULT_HTTP_TRANSFER,
				FAULT_HTTP_ANSWER, FAULT_CALL_SIZE,
				FAULT_CALL_TIME,   FAULT_OK };

/* Opens, and then calls; the answer stays in the memory. */
static gboolean call_make(struct worker *worker, const struct httpcall *asked,
			  struct worker_call *call, GError **error)
{
	call->faults = FAULTS;
	call->patience_s = asked->time_s + PATIENCE_S;
	if (!worker_call(worker, call, error))
		return FALSE;
	call->message = (struct workerwire_message){ .kind = WORKERWIRE_CALL };
	call->fds.count = 0;
	if (!worker_call(worker, call, error))
		return FALSE;
	return (call->message.numbers[0] >= 200 && call->message.numbers[0] <= 599 &&
		call->message.numbers[1] <= UINT32_MAX &&
		call->message.numbers[2] <= asked->answer_max) ||
	       worker_lied(worker, "gives an answer that cannot be", error);
}

static void answer_take(const struct workerwire_message *message, const struct sharedmem *memory,
			struct httpcall_answer *ret_answer)
{
	const size_t size_bytes = (size_t)message->numbers[2];

	*ret_answer = (struct httpcall_answer){
		.status = (unsigned)message->numbers[0],
		.retry_after_s = (unsigned)message->numbers[1],
		.body = g_malloc(size_bytes + 1),
		.body_bytes = size_bytes,
	};
	memcpy(ret_answer->body, memory->bytes, size_bytes);
	ret_answer->body[size_bytes] = '\0';
}

static size_t options_put(const struct httpcall *asked, const struct source_options *network,
			  struct sharedmem *memory, GError **error)
{
	const struct workeroptions options = { .url = asked->url,
					       .network = *network,
					       .call = *asked };

	return workeroptions_encode(&options, memory, error);
}

gboolean httpcall_worker_run(const struct httpcall *asked, const struct source_options *network,
			     GCancellable *cancellable, struct httpcall_answer *ret_answer,
			     GError **error)
{
	g_autoptr(Worker) worker = NULL;
	struct sharedmem memory;
	struct worker_call call = { .message = { .kind = WORKERWIRE_OPEN,
						 .numbers = { 0, WORKERWIRE_OPEN_CALL } } };
	gboolean done;

	if (!sharedmem_init(&memory, MAX(WORKERWIRE_OPTIONS_MAX, asked->answer_max), error))
		return FALSE;
	call.fds = (struct workerwire_fds){ { memory.fd }, 1 };
	call.message.numbers[0] = options_put(asked, network, &memory, error);
	if (call.message.numbers[0] > 0)
		worker = worker_new(network->workers, WORKER_NET, cancellable, FAULT_JOB_CANCELLED,
				    error);
	done = worker != NULL && call_make(worker, asked, &call, error);
	if (done)
		answer_take(&call.message, &memory, ret_answer);
	sharedmem_done(&memory);
	return done;
}

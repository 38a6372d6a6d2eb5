/* SPDX-License-Identifier: MIT */
#include "httpcall_worker.h"

#include <string.h>

#include "callform.h"
#include "failure.h"
#include "worker.h"
#include "workeroptions.h"

enum { PATIENCE_S = 30 }; /* beyond the time that the call may take */

static const fault FAULTS[] = { FAULT_HTTP_URL,      FAULT_HTTP_CONNECT, FAULT_HTTP_TLS,
				FAULT_HTTP_TRANSFER, FAULT_HTTP_ANSWER,  FAULT_CALL_SIZE,
				FAULT_CALL_TIME,     FAULT_OMAHA_ANSWER, FAULT_OK };

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
		call->message.numbers[2] <= callform_size_max(&asked->form, asked->answer_max)) ||
	       worker_lied(worker, "gives an answer that cannot be", error);
}

static void answer_copy(const struct workerwire_message *message, const struct sharedmem *memory,
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

/* A call under way: its worker, and what both see. */
struct calling {
	const struct httpcall *asked;
	struct worker *worker;
	struct sharedmem memory;
};

/* What is judged is a copy, which the worker cannot change any more. */
static gboolean answer_take(struct calling *calling, const struct workerwire_message *message,
			    struct httpcall_answer *ret_answer, GError **error)
{
	struct httpcall_answer answer;

	answer_copy(message, &calling->memory, &answer);
	if (callform_is_sane(&calling->asked->form, &answer)) {
		*ret_answer = answer;
		return TRUE;
	}
	httpcall_answer_clear(&answer);
	return worker_lied(calling->worker, "has read what cannot be", error);
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
	struct calling calling = { .asked = asked };
	struct worker_call call = { .message = { .kind = WORKERWIRE_OPEN,
						 .numbers = { 0, WORKERWIRE_OPEN_CALL } } };
	gboolean done;

	if (!sharedmem_init(&calling.memory, MAX(WORKERWIRE_OPTIONS_MAX, asked->answer_max), error))
		return FALSE;
	call.fds = (struct workerwire_fds){ { calling.memory.fd }, 1 };
	call.message.numbers[0] = options_put(asked, network, &calling.memory, error);
	if (call.message.numbers[0] > 0)
		calling.worker = worker_new(network->workers, WORKER_NET, cancellable,
					    FAULT_JOB_CANCELLED, error);
	done = calling.worker != NULL && call_make(calling.worker, asked, &call, error) &&
	       answer_take(&calling, &call.message, ret_answer, error);
	worker_free(calling.worker);
	sharedmem_done(&calling.memory);
	return done;
}

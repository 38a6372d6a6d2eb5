/* SPDX-License-Identifier: MIT */
#pragma once
/* A session: what azupdated asks of this process, one thing after the other (workerwire.h). */

#include <glib.h>

#include "sharedmem.h"
#include "workerwire.h"

/* What has come: descriptors that are taken become -1. */
struct request {
	const struct workerwire_message *message;
	struct workerwire_fds *fds;
};

/* TRUE: `answer` is ready to go. FALSE with a failure, which goes instead. */
typedef gboolean (*session_func)(const struct request *request, struct workerwire_message *answer,
				 GError **error);

/* The functions of each kind of worker, by enum workerwire_kind; NULL: not of this kind. */
extern const session_func NET_FUNCTIONS[WORKERWIRE_KIND_COUNT];
extern const session_func DECODE_FUNCTIONS[WORKERWIRE_KIND_COUNT];

/* Says that in the middle of a request. Without azupdated there is nothing to do: it ends. */
void session_say(const struct workerwire_message *message);
/* Waits for the answer to what was said; another one ends the process. */
void session_await(enum workerwire_kind kind);
/* The memory that came with the request. FAULT_WORKER_ANSWER, which only a bug can cause. */
gboolean session_memory(const struct request *request, struct sharedmem *ret_memory,
			GError **error);
/* A request that azupdated never makes. Always returns FALSE. */
gboolean session_refuse(GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* HTTP calls that a worker process makes; see httpcall_run(), which comes here. */

#include "httpcall.h"

/* FAULT_WORKER_... beside those of httpcall_run(). */
gboolean httpcall_worker_run(const struct httpcall *call, const struct source_options *network,
			     GCancellable *cancellable, struct httpcall_answer *ret_answer,
			     GError **error);

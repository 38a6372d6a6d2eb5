/* SPDX-License-Identifier: MIT */
#pragma once
/* A bundle on a web server, fetched by a worker process; see source_open_http(), which comes here.
 * A worker that dies is begun anew once: what was read is not asked for again. */

#include "source.h"

/* options->workers is not NULL. FAULT_HTTP_URL, FAULT_WORKER_START, FAULT_WORKER_OPTIONS. */
struct source *source_open_worker(const char *url, const struct source_options *options,
				  GCancellable *cancellable, GError **error);

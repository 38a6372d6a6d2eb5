/* SPDX-License-Identifier: MIT */
#pragma once
/* What tufget.c and tufget_http.c, which has one GET at a time, have in common. */

#include "pace.h"
#include "transfer.h"
#include "tufget.h"

enum { TUFGET_REDIRECTS_MAX = 3 };

struct tufget {
	struct tuftransport transport;
	char *path; /* a folder; or else: */
	char *url;
	int64_t file_time_us;
	struct pace_minimum minimum;
	struct transfers *transfers; /* or else, if not NULL: */
	struct tufget_worker *worker;
	GCancellable *cancellable; /* may be NULL */
};

struct transfers *tufget_transfers_new(const struct source_options *options);
/* The same through a worker process (worker.h), which begins with the first file. */
struct tufget_worker *tufget_worker_new(const char *url, const struct source_options *options,
					unsigned file_time_s);
void tufget_worker_free(struct tufget_worker *worker); /* NULL is fine */
gboolean tufget_worker_get(struct tuftransport *transport, const char *name, size_t max,
			   GBytes **ret_bytes, GError **error);
gboolean tufget_http_get(struct tuftransport *transport, const char *name, size_t max,
			 GBytes **ret_bytes, GError **error);

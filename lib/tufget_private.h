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
	struct transfers *transfers;
	GCancellable *cancellable; /* may be NULL */
};

struct transfers *tufget_transfers_new(const struct source_options *options);
gboolean tufget_http_get(struct tuftransport *transport, const char *name, size_t max,
			 GBytes **ret_bytes, GError **error);

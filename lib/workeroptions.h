/* SPDX-License-Identifier: MIT */
#pragma once
/* What a network worker is told once: the address, how to deal with the server, what its files
 * hold, since it cannot read them, and which proxies the environment names. As one serialised
 * GVariant, which goes to the worker only. */

#include <glib.h>

#include "httpcall.h"
#include "sharedmem.h"
#include "source.h"
#include "workerwire.h"

enum { WORKEROPTIONS_FILE_MAX = 512 * 1024 }; /* bytes of each file */

struct workeroptions {
	const char *url;
	struct source_options network; /* its callbacks and workers do not go along */
	unsigned file_time_s;          /* of tufget_http() */
	struct httpcall call;          /* its url is the one above */
};

/* Writes them to the memory; returns their size, or 0 with FAULT_HTTP_TLS: a file cannot be read;
 * FAULT_WORKER_OPTIONS: there is too much. */
size_t workeroptions_encode(const struct workeroptions *options, struct sharedmem *memory,
			    GError **error);

/* What came out, for as long as it is not freed. */
struct workeroptions_read;
typedef struct workeroptions_read WorkeroptionsRead; /* for g_autoptr() only */
/* NULL: they are none. */
struct workeroptions_read *workeroptions_decode(const struct sharedmem *memory, size_t size_bytes);
const struct workeroptions *workeroptions_get(const struct workeroptions_read *read);
/* Sets the environment to what came: for a process that has one thread yet. */
void workeroptions_environment(const struct workeroptions_read *read);
void workeroptions_read_free(struct workeroptions_read *read); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkeroptionsRead, workeroptions_read_free)

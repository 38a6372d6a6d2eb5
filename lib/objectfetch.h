/* SPDX-License-Identifier: MIT */
#pragma once
/* Objects of an ostree repository, fetched ahead of whoever reads them: by a few threads, each with
 * a connection, and a worker process, of its own; in the order that was announced. What they cannot
 * get is left to the reader, who knows when to try again.
 *
 * Memory is bounded: what has come and was not taken yet by OBJECTFETCH_READY_MAX, and beyond that
 * one object for each thread. One reader at a time. */

#include <glib.h>
#include <stdint.h>

#include "objectfile.h"
#include "tufget.h"

enum { OBJECTFETCH_READY_MAX = 8 * 1024 * 1024 };

struct objectfetch;

/* Of what was fetched and not told yet. */
struct objectfetch_costs {
	uint64_t bytes;
	unsigned requests;
};

struct objectfetch_options {
	const char *url; /* of the repository's folder */
	const struct source_options *network;
	unsigned file_time_s; /* for each object */
	size_t content_max;   /* bytes of an object */
	size_t packed_max;    /* and as the server has it */
};

/* Up to network->parallel threads, which begin with the first announcement; everything is copied.
 * NULL: the network's options want one request at a time. */
struct objectfetch *objectfetch_new(const struct objectfetch_options *options);
/* Breaks off what is on its way. NULL is fine. */
void objectfetch_free(struct objectfetch *fetch);

/* What will be read next, instead of what was announced before; checksums, one behind the other,
 * copied. What was fetched once is not fetched again. */
void objectfetch_announce(struct objectfetch *fetch, const uint8_t *objects, size_t count);
/* The content, waited for if it is on its way. NULL: the reader is to fetch it; nobody else will.
 * Adds to `costs`. */
GBytes *objectfetch_take(struct objectfetch *fetch,
			 const uint8_t object[static OBJECTFILE_HASH_SIZE],
			 GCancellable *cancellable, struct objectfetch_costs *costs);
/* The server answers the reader: they may go on after a failure. */
void objectfetch_resume(struct objectfetch *fetch);

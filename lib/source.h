/* SPDX-License-Identifier: MIT */
#pragma once
/* Sources: where a bundle's bytes come from: a file, a pipe, a web server. Nothing that comes out
 * of a source is trusted.
 *
 * A source may be used by another thread than the one that opened it, but by one at a time; that
 * goes for its counters too. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "ranges.h"

struct source;
struct workers;

struct source_ops {
	/* Exactly size_bytes from `offset`; FAULT_BUNDLE_TRUNCATED where the source ends early. */
	gboolean (*read)(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			 GError **error);
	/* NULL: nothing to gain. */
	void (*schedule)(struct source *source, const struct source_range *ranges, size_t count);
	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	char *name;                /* for messages */
	uint64_t position;         /* end of the last read */
	uint64_t total_bytes;      /* size of the whole object, as the server told it; 0: unknown */
	uint64_t fetched_bytes;    /* taken in so far, with what was skipped over */
	unsigned requests;         /* sent to a server, with retries and redirects */
	unsigned retries;          /* how often the network or the server failed */
	gboolean forward_only;     /* a pipe: offsets never go back */
	gboolean exact;            /* to read over a gap costs more than a request */
	GCancellable *cancellable; /* may be NULL; owned */
};
typedef struct source Source; /* for g_autoptr() only */

/* Called from the thread that reads: `why`, and how long until the next try. */
typedef void (*source_waiting_func)(gpointer user_data, const char *why, unsigned wait_ms);

enum {
	SOURCE_PARALLEL_MAX = 8,
	SOURCE_RETRY_TIME_S_MAX = 86400,
};

/* How to deal with a server; copied at opening. Start from source_options_default(). */
struct source_options {
	unsigned parallel;       /* requests in flight, 1 to SOURCE_PARALLEL_MAX */
	uint64_t rate_bytes_s;   /* limit over all transfers of the source; 0: none */
	unsigned retry_time_s;   /* how long a lost network is waited for; 0: not at all */
	unsigned greet_time_s;   /* the same, as long as the server has never answered */
	unsigned retry_first_ms; /* the back-off's first bound; it doubles */
	unsigned retry_most_ms;  /* its last bound, and the most that Retry-After can ask for */
	unsigned connect_time_s;
	unsigned slow_bytes_s; /* less than this over slow_time_s is a lost network; 0: never */
	unsigned slow_time_s;
	const char *proxy;       /* URL; "" for none; NULL: as the environment says */
	const char *ca_file;     /* PEM, instead of the system's; NULL: the system's */
	const char *certificate; /* PEM, of this client; never shown to another host; or NULL */
	const char *key;         /* PEM, its key; NULL: it stands in the certificate's file */
	GBytes *ca_pem;          /* what ca_file, certificate and key have; borrowed. For a */
	GBytes *certificate_pem; /* process that cannot read the files: they are not opened */
	GBytes *key_pem;         /* where this is not NULL */
	const struct workers *workers;    /* that do it instead of this process, or NULL; kept */
	void (*tick)(gpointer user_data); /* may be NULL; while it waits, each 0.2 s at least */
	source_waiting_func waiting;      /* may be NULL */
	gpointer user_data;
};
struct source_options source_options_default(void);

gboolean source_read(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
		     GError **error);
/* Announces what will be read next, in this order, instead of what was announced before; copied.
 * Each range should be worth a request: ranges_coalesce(). A source over a network has several of
 * them on the way at any time. It is advice: reads elsewhere work, only slower, and what is read
 * over is dropped. */
void source_schedule(struct source *source, const struct source_range *ranges, size_t count);
void source_close(struct source *source); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_close)

/* A file or a pipe. The descriptor is duplicated. */
struct source *source_open_fd(int fd, GCancellable *cancellable, GError **error);
/* An http or https URL; see source_http.c for what is asked of the server. Nothing is asked before
 * the first read. options NULL: the defaults. */
struct source *source_open_http(const char *url, const struct source_options *options,
				GCancellable *cancellable, GError **error);
/* For messages and logs: without user, password and query, which may carry a token. */
char *source_url_for_people(const char *url);

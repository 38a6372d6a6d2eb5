/* SPDX-License-Identifier: MIT */
#pragma once
/* Sources: where a bundle's bytes come from: a file, a pipe, a web server. Nothing that comes out
 * of a source is trusted. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

struct source;

struct source_ops {
	/* Exactly size_bytes from `offset`; FAULT_BUNDLE_TRUNCATED where the source ends early. */
	gboolean (*read)(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			 GError **error);
	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	char *name;                /* for messages */
	uint64_t position;         /* end of the last read */
	uint64_t fetched_bytes;    /* taken in so far, with what was skipped over */
	gboolean forward_only;     /* a pipe: offsets never go back */
	GCancellable *cancellable; /* may be NULL; owned */
};
typedef struct source Source; /* for g_autoptr() only */

gboolean source_read(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
		     GError **error);
void source_close(struct source *source); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_close)

/* A file or a pipe. The descriptor is duplicated. */
struct source *source_open_fd(int fd, GCancellable *cancellable, GError **error);
/* An http or https URL; see source_http.c for what is asked of the server. */
struct source *source_open_http(const char *url, GCancellable *cancellable, GError **error);
/* For messages and logs: without user, password and query, which may carry a token. */
char *source_url_for_people(const char *url);

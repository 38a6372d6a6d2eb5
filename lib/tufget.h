/* SPDX-License-Identifier: MIT */
#pragma once
/* Where the small files of a repository come from: a folder on a web server, or one on a disk or
 * stick. Nothing that comes out of it is trusted.
 *
 * Over HTTP each file is one GET of the whole: no other request, no retry. There is a limit of
 * bytes, of time for each file, and a least speed. Redirects are followed up to 3 times, never from
 * https to http; user and password go to the server that they were given for, and no other. */

#include <gio/gio.h>
#include <glib.h>

#include "source.h"
#include "tufclient.h"

struct tufget;
typedef struct tufget Tufget; /* for g_autoptr() only */

/* `url`: of the folder; a query, such as a token, goes with each request. options NULL: the
 * defaults; those for retries do not count. FAULT_HTTP_URL. */
struct tufget *tufget_http(const char *url, const struct source_options *options,
			   unsigned file_time_s, GCancellable *cancellable, GError **error);
/* An absolute path. It is opened at each use: a stick may be pulled and come back. Files have the
 * names that a web server would serve of that folder, and links out of it are not followed. */
struct tufget *tufget_folder(const char *path);
void tufget_free(struct tufget *get); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tufget, tufget_free)

/* Lives as long as `get`. FAULT_HTTP_CONNECT, _TLS, _TRANSFER, _STATUS, _REDIRECT, _ANSWER;
 * FAULT_REPO_SLOW, FAULT_REPO_FOLDER, FAULT_TUF_LENGTH, FAULT_JOB_CANCELLED. 403, 404 and 410 say
 * that there is no such file: object stores know the first only. */
struct tuftransport *tufget_transport(struct tufget *get);

/* The folder's URL or path with `name`, percent-encoded, behind it; in a path it is decoded. NULL:
 * `name` is no path. The caller frees. */
char *tufget_location(const struct tufget *get, const char *name);
/* FAULT_HTTP_URL: it is no http or https URL. */
gboolean tufget_url_check(const char *url, GError **error);
/* "https://server/dir?token" and "a/b" give "https://server/dir/a/b?token". The caller frees. */
char *tufget_url_join(const char *url, const char *name);

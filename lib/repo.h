/* SPDX-License-Identifier: MIT */
#pragma once
/* Repositories: a folder of signed metadata (TUF) and bundles, on a web server or on a stick, which
 * says what this machine should have now. All that comes out of it was signed by the threshold of
 * keys that its role needs, is no older than what this machine has seen, and has not expired.
 *
 * The folder has `metadata/` and `targets/`; docs/REPOSITORY-CHECKS.md tells what stands there and
 * what is checked. Typical use:
 *
 *	repo = repo_open(&options, &error);            no network, no file but the trusted root
 *	repo_refresh(repo, now_s, &error)              asks the server; repo_load() does not
 *	bytes = repo_read(repo, "channels/demo/x86_64/stable.json", 262144, &error);
 *	target = repo_target(repo, "bundles/demo/x86_64/4.0.2/full.azb", &error);
 *	source_open_http(target->location, ...)        or open() it, if target->is_file
 *
 * One thread at a time. A failure leaves what was trusted before as it was, on the disk too: the
 * call can be repeated at any time, after a kill or a power cut as well. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "source.h"

enum {
	REPO_FILE_TIME_S = 300, /* for one file of metadata, unless the options say otherwise */
	REPO_READ_MAX = 64 * 1024 * 1024, /* the most that repo_read() can be asked for */
};

struct repo;
typedef struct repo Repo; /* for g_autoptr() only */

/* Start from zeros. Everything is copied, but for `waiting` in `network`, which is not used. */
struct repo_options {
	const char *location; /* http(s) URL of the folder, a query is kept; or an absolute path */
	const char
		*root_file; /* root.json that is trusted to begin with: of the image, or root's */
	const char *state_dir;                /* for this repository alone; made if it is missing */
	const struct source_options *network; /* NULL: the defaults */
	unsigned file_time_s;                 /* 0: REPO_FILE_TIME_S */
	/* Seconds since 1970: the clock cannot be before this, such as the time of the running
	 * release. 0: not known. */
	gint64 not_before_s;
	/* Metadata that has expired is taken, for a stick that was written long ago. It waives
	 * nothing else: what is older than what this machine has seen is refused all the same. */
	gboolean accept_expired;
	GCancellable *cancellable; /* may be NULL */
};

/* Reads nothing but the trusted root. FAULT_HTTP_URL, FAULT_TUF_ROOT: it cannot be read, or is not
 * signed by its own keys. */
struct repo *repo_open(const struct repo_options *options, GError **error);
void repo_close(struct repo *repo); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repo, repo_close)

/* Brings the metadata up to date and keeps it in state_dir. `now_s`, seconds since 1970, is the
 * time for everything that is asked of `repo` until the next call. Of its faults, these are worth
 * telling apart:
 *   FAULT_HTTP_*, FAULT_REPO_*   the network, the server or the folder; try again later
 *   FAULT_TUF_MISSING            a file is not there: a repository half copied, or a wrong address
 *   FAULT_TUF_EXPIRED            the repository was not renewed, or somebody holds news back
 *   FAULT_TUF_CLOCK              the clock is behind a time that was seen before
 *   FAULT_TUF_ROLLBACK           somebody serves what is older than what this machine has seen
 *   FAULT_TUF_STORE              state_dir cannot be read or written
 *   others FAULT_TUF_*           the repository is not made right, or somebody has changed it */
gboolean repo_refresh(struct repo *repo, gint64 now_s, GError **error);

/* The same out of state_dir, as the last repo_refresh() left it: for status, and for after a
 * repo_refresh() that failed, to go on with what is still good. FAULT_TUF_MISSING: there was none
 * yet; else as repo_refresh(). */
gboolean repo_load(struct repo *repo, gint64 now_s, GError **error);

/* What is signed about one file. */
struct repo_target {
	char *name;
	char *location;      /* URL with the user, password and query that were given; or a path */
	gboolean is_file;    /* location is a path */
	char *role;          /* that lists it: "targets", or a delegated one */
	uint64_t size_bytes; /* at most 2^53 - 1 */
	char *sha256;        /* lower-case hex; NULL: only a SHA-512 is listed */
	char *sha512;        /* the same; one of the two is there */
	char *custom;        /* JSON, one object; NULL: none */
};
typedef struct repo_target RepoTarget; /* for g_autoptr() only */

/* After repo_refresh() or repo_load(). May fetch metadata of delegated roles; after repo_load()
 * only from state_dir. FAULT_TUF_TARGET: no role lists it; FAULT_TUF_PATH: it is no name for a
 * file; FAULT_TUF_HASH: no hash is listed that can be checked; else as repo_refresh(). */
struct repo_target *repo_target(struct repo *repo, const char *name, GError **error);
void repo_target_free(struct repo_target *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoTarget, repo_target_free)

/* A whole target, checked by its hashes: for documents, not for bundles. What was read is kept in
 * state_dir, and not fetched again as long as it is listed with the same hash. `max`: up to
 * REPO_READ_MAX. FAULT_TUF_LENGTH: longer than `max` or than it is listed; FAULT_TUF_HASH; else as
 * repo_target(). */
GBytes *repo_read(struct repo *repo, const char *name, size_t max, GError **error);

/* The trusted metadata, for status. */
struct repo_role {
	char *name; /* "root", "timestamp", "snapshot", "targets", or a delegated one */
	uint64_t version;
	gint64 expires_s; /* since 1970 */
};
/* Of struct repo_role; root first, then in the order in which they were read; the caller unrefs. */
GPtrArray *repo_roles(const struct repo *repo);
/* The first one to expire of those; *ret_role, borrowed until the next call, may be NULL. 0:
 * nothing was loaded. */
gint64 repo_expires(const struct repo *repo, const char **ret_role);

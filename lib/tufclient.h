/* SPDX-License-Identifier: MIT */
#pragma once
/* The client's part of TUF (part 5 of its specification 1.0.34): from a trusted root to what the
 * repository says now, and from there to single targets. It does no I/O: bytes come through a
 * transport, what is trusted is kept through a store.
 *
 * Where the specification leaves a choice:
 *   - a trusted root is verified by its own keys before anything is asked for;
 *   - what is in the store counts only if the present root's keys have signed it. That is the
 *     recovery from a version that was set too high: new keys for timestamp and snapshot. It also
 *     means that a store cut short at any save, or changed by hand, is never worth more than what
 *     stands in it;
 *   - a timestamp of the version that is trusted already is no end: the snapshot may still be
 *     missing, after a cut. The store's is used, not the new one;
 *   - a snapshot must list each role that the last one did, at no lower version;
 *   - a role that is reached by two delegations is verified by each on whose way it is used. */

#include <glib.h>
#include <stdint.h>

#include "tufrole.h"

struct tuftransport {
	/* *ret_bytes: the file, or NULL where there is none. `name` is a path as in a URL,
	 * percent-encoded. FALSE: another failure; FAULT_TUF_LENGTH: more than `max` bytes. */
	gboolean (*get)(struct tuftransport *transport, const char *name, size_t max,
			GBytes **ret_bytes, GError **error);
};

/* Names are "root.json", "history/7.root.json", "channels.json"; a role's name is encoded. */
struct tufstorage {
	/* *ret_bytes: what was saved last, or NULL. */
	gboolean (*load)(struct tufstorage *storage, const char *name, size_t max,
			 GBytes **ret_bytes, GError **error);
	/* When it returns, it is on the disk: whole, or as before. */
	gboolean (*save)(struct tufstorage *storage, const char *name, GBytes *bytes,
			 GError **error);
};

struct tuflimits {
	size_t root_bytes;
	size_t timestamp_bytes;
	size_t snapshot_bytes;
	size_t targets_bytes;
	unsigned roots;       /* new ones followed at once */
	unsigned delegations; /* roles read for one target */
};
/* 512 KiB, 16 KiB, 2 MiB, 5 MiB; 256; 32. */
struct tuflimits tuflimits_default(void);

struct tufclient;
typedef struct tufclient Tufclient; /* for g_autoptr() only */

/* Both must outlive it. Reads nothing yet. */
struct tufclient *tufclient_new(struct tuftransport *metadata, struct tufstorage *storage,
				const struct tuflimits *limits);
void tufclient_free(struct tufclient *client); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tufclient, tufclient_free)

/* How the metadata is looked at, until the next call. */
struct tufview {
	gint64 now_s;
	gboolean accept_expired; /* nothing else is waived */
	gboolean offline;        /* nothing is asked of the transport */
};

/* Decides between `shipped`, a root that came by another trusted way, and the one in the store:
 * the later one; but if the store has once had another root of shipped's version, `shipped` is of
 * another repository, and begins anew. Saves the decision. `shipped` NULL: the store's.
 * FAULT_TUF_ROOT: there is none, or it is not signed by its own keys. */
gboolean tufclient_begin(struct tufclient *client, GBytes *shipped, GError **error);
/* After tufclient_begin(): roots, timestamp, snapshot, targets. A failure may come after some of
 * them were brought up to date and saved; those stay. */
gboolean tufclient_refresh(struct tufclient *client, struct tufview view, GError **error);

/* After tufclient_refresh(): who lists the target `name`. *ret_role and the file are borrowed until
 * the next refresh. NULL and FAULT_TUF_TARGET, _PATH, _SNAPSHOT, _DELEGATIONS; others as in
 * tufclient_refresh(). */
const struct tuffile *tufclient_target(struct tufclient *client, const char *name,
				       const struct tufrole **ret_role, GError **error);
/* Whether targets' names carry their hash. */
gboolean tufclient_is_consistent(const struct tufclient *client);
/* Of const struct tufrole *, in the order in which they became trusted; the caller unrefs. */
GPtrArray *tufclient_roles(const struct tufclient *client);

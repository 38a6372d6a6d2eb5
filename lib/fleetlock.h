/* SPDX-License-Identifier: MIT */
#pragma once
/* FleetLock: asks a server for leave to reboot, so that not all machines of a group are away at
 * once. The protocol is Zincati's, version 1:
 * https://coreos.github.io/zincati/development/fleetlock/protocol/
 *
 * A lock is a slot of a counting semaphore that the server keeps for the group; the same machine
 * may ask again and holds one slot all the same. It has no end of its own: who asks must release.
 * So the state file says that a lock was asked for before the server is asked, and until it has
 * confirmed the release.
 *
 * Order: fleetlock_lock() before the reboot, once nothing else stands in its way; fleetlock_sync()
 * at every start and whenever what it is given changes. A machine whose release is on trial keeps
 * its lock, so that a bad release stops at as many machines as the group has slots. After a
 * rollback the machine runs a committed release again, and the lock is released. */

#include <gio/gio.h>
#include <glib.h>
#include <stddef.h>

#include "fleetid.h"
#include "source.h"

enum {
	FLEETLOCK_ANSWER_MAX = 65536, /* bytes of an answer that are read */
	FLEETLOCK_KIND_MAX = 64,
	FLEETLOCK_VALUE_MAX = 256,
	FLEETLOCK_GROUP_MAX = 64,
	FLEETLOCK_TIME_S = 60, /* one call */
};

enum fleetlock_step {
	FLEETLOCK_PRE_REBOOT,   /* take the lock; again is the same */
	FLEETLOCK_STEADY_STATE, /* release it, if it is held */
};

/* What is the client's stays the caller's. */
struct fleetlock_client {
	const char *url;   /* base; "/v1/pre-reboot" is added */
	const char *group; /* fleetlock_group_is_valid() */
	const char *id;    /* fleetid_load() */
	const char *state_dir;
	const struct source_options *network; /* NULL: the defaults */
};

enum fleetlock_outcome {
	FLEETLOCK_GRANTED, /* locked, or released */
	FLEETLOCK_LATER,   /* all slots are taken, or the server has a problem */
	FLEETLOCK_REFUSED, /* it does not take this request, however often: group, id, address */
};

struct fleetlock_answer {
	enum fleetlock_outcome outcome;
	char kind[FLEETLOCK_KIND_MAX + 1];   /* the server's word; "": none that can be used */
	char value[FLEETLOCK_VALUE_MAX + 1]; /* its sentence, printable UTF-8; may be "" */
};

/* What a release depends on. */
struct fleetlock_situation {
	gboolean asked;           /* for a lock, and not released since */
	gboolean asked_this_boot; /* the last time */
	gboolean told_this_boot;  /* the steady state was confirmed in this boot */
	gboolean committed;       /* the running release */
	gboolean reboot_wanted;   /* for which the lock was asked */
};

/* --- pure --- */

/* 1 to FLEETLOCK_GROUP_MAX characters out of A-Z a-z 0-9 . - */
gboolean fleetlock_group_is_valid(const char *group);
/* Up to FLEETLOCK_KIND_MAX characters out of A-Z a-z 0-9 _ - .
 * Kinds become labels of metrics. */
gboolean fleetlock_kind_is_valid(const char *kind);
/* The body of either call; free with g_free(). */
char *fleetlock_encode(const char *id, const char *group);
/* Whatever the body holds: what counts is the status. But a page of HTML is no lock, since it is
 * some other server that says 200. */
struct fleetlock_answer fleetlock_decode(unsigned status, const char *body, size_t size_bytes);
/* Whether fleetlock_decode() can come to that, whatever the body holds. */
gboolean fleetlock_outcome_is_possible(unsigned status, enum fleetlock_outcome outcome);
gboolean fleetlock_release_is_due(const struct fleetlock_situation *situation);

/* --- with the server; block, thread-safe but for two of the same state folder --- */

/* Takes the lock. While the server has none to give, or cannot be reached, asks again with growing
 * pauses for patience_s; 0: asks once. FAULT_FLEETLOCK_HELD: none was free;
 * FAULT_FLEETLOCK_REFUSED at once; faults of httpcall.h; FAULT_STATE_FILE: nothing was asked. In
 * whatever way it ends, a later fleetlock_sync() releases what may have been granted. */
gboolean fleetlock_lock(const struct fleetlock_client *client, unsigned patience_s,
			GCancellable *cancellable, GError **error);
/* Releases if it is due, with one try; TRUE also where nothing is due. The lock goes back to where
 * it was asked for, even if the configuration names another server or group by now. */
gboolean fleetlock_sync(const struct fleetlock_client *client, gboolean committed,
			gboolean reboot_wanted, GCancellable *cancellable, GError **error);
/* Whether a lock was asked for and not released since. */
gboolean fleetlock_is_asked(const char *state_dir);

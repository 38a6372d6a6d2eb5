/* SPDX-License-Identifier: MIT */
#pragma once
/* The pending release: the one that was made the next boot, until it is known what became of it.
 * Kept in STATE/pending.json, so that a release that rolled itself back is reported by the boot
 * that follows. */

#include <glib.h>

#include "slot.h"

struct pending {
	char *version;     /* what was activated; NULL: nothing is pending */
	char *previous;    /* what ran then, or NULL */
	unsigned slot;     /* where it was put */
	gint64 time_us;    /* when, since 1970 */
	gboolean rollback; /* somebody went back to it */
};
typedef struct pending Pending; /* for g_auto() only */

enum pending_end {
	PENDING_NONE,        /* nothing was pending */
	PENDING_OPEN,        /* it has not booted yet, or is on trial */
	PENDING_COMMITTED,   /* it was committed */
	PENDING_ROLLED_BACK, /* it is bad, and something else runs */
	PENDING_DROPPED,     /* something else was written into its slot */
};

/* What the slot looks like now. */
struct pending_slot {
	enum slot_state state;
	const char *version; /* NULL: it holds none */
	gboolean running;
	gboolean committed; /* the running release has passed its health checks */
};

/* What became of it. Pure. */
enum pending_end pending_judge(const struct pending *pending, const struct pending_slot *slot);

/* Nothing is pending where there is no file, or a damaged one: that is told in the log. */
struct pending pending_load(const char *state_dir);
/* Atomic. A version of NULL removes the file. FAULT_STATE_FILE. */
gboolean pending_save(const char *state_dir, const struct pending *pending, GError **error);
void pending_clear(struct pending *pending);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pending, pending_clear)

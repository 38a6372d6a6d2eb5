/* SPDX-License-Identifier: MIT */
#pragma once
/* Batches: one answer for all who ask the same at the same time.
 *
 * What a look at the machine takes is done in a thread, so that the others are not held up. Who
 * asks while it is under way gets the answer of the next one, which began after the question. So
 * a thousand callers cost as much as two, and nobody is told what is old. */

#include <gio/gio.h>

enum { BATCH_INTERVAL_MS = 100 }; /* between the begins of two */

struct batch;

struct batch_kind {
	/* In the main thread, before a look; with a failure everyone who asked gets that. */
	gboolean (*begin)(gpointer user_data, GError **error);
	/* In a thread. NULL with a failure, which everyone who asked gets. */
	gpointer (*look)(gpointer user_data, GError **error);
	/* In the main thread, before the answers; may be NULL. */
	void (*seen)(gpointer result, gpointer user_data);
	/* What each is answered: a tuple, floating, or NULL for an empty one. */
	GVariant *(*reply)(gpointer result);
	GDestroyNotify result_free;
	/* In the main thread, when nobody waits any more. */
	void (*quiet)(gpointer user_data);
};

/* Borrows `kind`; each of its functions gets `user_data`. */
struct batch *batch_new(const struct batch_kind *kind, gpointer user_data);
/* Only while it is not busy. */
void batch_free(struct batch *batch);

/* Takes over the call. */
void batch_ask(struct batch *batch, GDBusMethodInvocation *invocation);
gboolean batch_is_busy(const struct batch *batch);

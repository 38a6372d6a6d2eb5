/* SPDX-License-Identifier: MIT */
#pragma once
/* Crews: worker threads behind two short queues. Whoever hands in jobs waits while the queue is
 * full, so memory stays bounded; the first job that fails ends the others. */

#include <glib.h>

struct crew;
typedef struct crew Crew; /* for g_autoptr() only */

struct crew_ops {
	/* What one thread works with; `user_data` is the crew's. */
	gpointer (*worker_new)(gpointer user_data);
	void (*worker_free)(gpointer worker);
	gboolean (*work)(gpointer worker, gpointer job, GError **error);
	void (*job_free)(gpointer job);
};

enum { CREW_THREADS_MAX = 4, CREW_QUEUE_PER_THREAD = 2 };

/* One thread per core, at most CREW_THREADS_MAX. */
unsigned crew_threads(void);

/* With `threads` 0 the jobs are done in crew_push(), by the thread that hands them in. */
struct crew *crew_new(unsigned threads, const struct crew_ops *ops, gpointer user_data);
/* Waits for the jobs that are being done; drops those that are queued. */
void crew_free(struct crew *crew);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Crew, crew_free)

/* Takes the job over, from any thread; waits for room. FALSE with the failure of the job that
 * failed first, once one has. */
gboolean crew_push(struct crew *crew, gpointer job, GError **error);
/* The same for a job that is done before all others: what hands it in is what all wait for. */
gboolean crew_push_urgent(struct crew *crew, gpointer job, GError **error);
/* Waits until all jobs are done; FALSE as above. */
gboolean crew_drain(struct crew *crew, GError **error);

/* SPDX-License-Identifier: MIT */
/* Crews with every number of threads: all jobs are done once, none outlives its crew, the queue is
 * short, and the first failure ends the work. */
#include "crew.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

enum { JOBS = 500, BAD_JOB = 100, THREADS_ALL = CREW_THREADS_MAX + 1 };

struct tally {
	gint workers;   /* that live now */
	gint jobs;      /* that were handed in and not freed */
	gint most_jobs; /* of these, at any time */
	gint done[JOBS];
	gint bad; /* this job fails; -1: none */
};

struct work {
	struct tally *tally;
	int number;
};

static gpointer worker_new(gpointer user_data)
{
	struct tally *tally = user_data;

	g_atomic_int_inc(&tally->workers);
	return tally;
}

static void worker_free(gpointer worker)
{
	struct tally *tally = worker;

	g_atomic_int_add(&tally->workers, -1);
}

static gboolean work(gpointer worker, gpointer job, GError **error)
{
	struct tally *tally = worker;
	const struct work *mine = job;

	g_atomic_int_inc(&tally->done[mine->number]);
	g_usleep(10);
	return mine->number != tally->bad ||
	       failure_set(error, FAULT_DISK_READ, "job %d", mine->number);
}

static void job_free(gpointer job)
{
	struct work *mine = job;

	g_atomic_int_add(&mine->tally->jobs, -1);
	g_free(mine);
}

static const struct crew_ops OPS = { worker_new, worker_free, work, job_free };

static gboolean job_push(struct crew *crew, struct tally *tally, int number, GError **error)
{
	const gint jobs = g_atomic_int_add(&tally->jobs, 1) + 1;
	struct work *job = g_new(struct work, 1);

	*job = (struct work){ tally, number };
	tally->most_jobs = MAX(tally->most_jobs, jobs); /* only this thread makes it rise */
	return crew_push(crew, job, error);
}

static void test_all_once(void)
{
	for (unsigned threads = 0; threads <= THREADS_ALL; threads++) {
		const unsigned real = MIN(threads, CREW_THREADS_MAX);
		struct tally tally = { .bad = -1 };
		struct crew *crew = crew_new(threads, &OPS, &tally);

		for (int i = 0; i < JOBS; i++)
			expect(job_push(crew, &tally, i, NULL));
		expect(crew_drain(crew, NULL) && tally.jobs == 0);
		for (int i = 0; i < JOBS; i++)
			expect(tally.done[i] == 1);
		/* Those queued, those being done, and the one that is handed in. */
		expect(tally.most_jobs <= (int)(real * (CREW_QUEUE_PER_THREAD + 1) + 1));
		crew_free(crew);
		expect(tally.workers == 0);
	}
}

static void test_first_failure(void)
{
	for (unsigned threads = 0; threads <= CREW_THREADS_MAX; threads++) {
		struct tally tally = { .bad = BAD_JOB };
		struct crew *crew = crew_new(threads, &OPS, &tally);
		g_autoptr(GError) error = NULL;
		int i = 0;

		while (i < JOBS && job_push(crew, &tally, i, &error))
			i++;
		expect(i >= BAD_JOB && i < JOBS && failure_code(error) == FAULT_DISK_READ);
		for (int j = 0; j < BAD_JOB; j++)
			expect(tally.done[j] == 1);
		if (threads > 0) { /* it is told for ever */
			g_autoptr(GError) again = NULL;

			expect(!crew_drain(crew, &again) && failure_code(again) == FAULT_DISK_READ);
			expect(!job_push(crew, &tally, JOBS - 1, NULL) &&
			       tally.done[JOBS - 1] == 0);
		}
		crew_free(crew);
		expect(tally.jobs == 0 && tally.workers == 0);
	}
}

/* What is queued is dropped, and freed. */
static void test_freed_with_work(void)
{
	for (unsigned threads = 1; threads <= CREW_THREADS_MAX; threads++) {
		struct tally tally = { .bad = -1 };
		struct crew *crew = crew_new(threads, &OPS, &tally);

		for (unsigned i = 0; i < threads * CREW_QUEUE_PER_THREAD; i++)
			expect(job_push(crew, &tally, (int)i, NULL));
		crew_free(crew);
		expect(tally.jobs == 0 && tally.workers == 0);
	}
}

/* One thread, which is kept by its first job until all others are handed in. */
struct order {
	GMutex gate;
	gint started; /* atomic */
	gint count;
	int jobs[JOBS];
};

static gpointer order_worker_new(gpointer user_data)
{
	return user_data;
}

static void order_worker_free(gpointer worker)
{
	(void)worker; /* the test's own */
}

static gboolean order_work(gpointer worker, gpointer job, GError **error)
{
	struct order *order = worker;

	(void)error; /* none fails */
	g_atomic_int_set(&order->started, 1);
	g_mutex_lock(&order->gate);
	order->jobs[order->count++] = GPOINTER_TO_INT(job);
	g_mutex_unlock(&order->gate);
	return TRUE;
}

static void order_job_free(gpointer job)
{
	(void)job; /* a number */
}

static void test_urgent_first(void)
{
	static const struct crew_ops ORDER_OPS = { order_worker_new, order_worker_free, order_work,
						   order_job_free };
	static const int WANTED[] = { 1, 4, 5, 2, 3 };
	struct order order = { .count = 0 };
	struct crew *crew;

	g_mutex_init(&order.gate);
	g_mutex_lock(&order.gate);
	crew = crew_new(1, &ORDER_OPS, &order);
	expect(crew_push(crew, GINT_TO_POINTER(1), NULL));
	while (g_atomic_int_get(&order.started) == 0)
		g_usleep(10);
	for (int i = 2; i <= 3; i++)
		expect(crew_push(crew, GINT_TO_POINTER(i), NULL));
	for (int i = 4; i <= 5; i++) /* there is room for them although the queue is full */
		expect(crew_push_urgent(crew, GINT_TO_POINTER(i), NULL));
	g_mutex_unlock(&order.gate);
	expect(crew_drain(crew, NULL) && order.count == (gint)G_N_ELEMENTS(WANTED));
	expect(memcmp(order.jobs, WANTED, sizeof WANTED) == 0);
	crew_free(crew);
	g_mutex_clear(&order.gate);
}

static const struct tap_case CASES[] = {
	{ "urgent jobs are done before others", test_urgent_first },
	{ "all jobs are done once, and few wait", test_all_once },
	{ "the first failure ends the work", test_first_failure },
	{ "a crew that ends with work in its queue", test_freed_with_work },
};
TAP_MAIN(CASES)

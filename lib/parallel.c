/* SPDX-License-Identifier: MIT */
#include "parallel.h"

enum { THREADS_MAX = 16 };

struct parallel {
	parallel_work work;
	gpointer user_data;
	unsigned count;
	gint next;    /* piece; taken atomically */
	gint threads; /* numbered; taken atomically */
};

unsigned parallel_threads(void)
{
	return MIN(g_get_num_processors(), THREADS_MAX);
}

static gpointer thread_run(gpointer data)
{
	struct parallel *parallel = data;
	const unsigned thread = (unsigned)g_atomic_int_add(&parallel->threads, 1);

	for (;;) {
		const unsigned index = (unsigned)g_atomic_int_add(&parallel->next, 1);

		if (index >= parallel->count)
			return NULL;
		parallel->work(parallel->user_data, thread, index);
	}
}

void parallel_each(unsigned count, parallel_work work, gpointer user_data)
{
	parallel_each_by(parallel_threads(), count, work, user_data);
}

void parallel_each_by(unsigned threads_max, unsigned count, parallel_work work, gpointer user_data)
{
	struct parallel parallel = { .work = work, .user_data = user_data, .count = count };
	const unsigned others = MIN(MIN(threads_max, parallel_threads()), MAX(count, 1)) - 1;
	GThread *threads[THREADS_MAX];

	for (unsigned i = 0; i < others; i++)
		threads[i] = g_thread_new("parallel", thread_run, &parallel);
	(void)thread_run(&parallel); /* this thread works too */
	for (unsigned i = 0; i < others; i++)
		g_thread_join(threads[i]);
}

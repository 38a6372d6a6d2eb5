/* SPDX-License-Identifier: MIT */
#pragma once
/* Parallel: does independent pieces of work on all cores, for programs that build, or on a few,
 * for those that install. */

#include <glib.h>

/* Does piece `index`; `thread` counts the threads from 0, for buffers of their own. */
typedef void (*parallel_work)(gpointer user_data, unsigned thread, unsigned index);

unsigned parallel_threads(void); /* how many it uses: one per core, at most 16 */

/* Returns when all of `count` pieces are done. */
void parallel_each(unsigned count, parallel_work work, gpointer user_data);
/* The same by at most `threads_max` threads, at least 1, of which one is the caller's. */
void parallel_each_by(unsigned threads_max, unsigned count, parallel_work work, gpointer user_data);

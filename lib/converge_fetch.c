/* SPDX-License-Identifier: MIT */
/* Handing in the work: windows of local blocks by the caller's thread, and frames by another one
 * that waits for the network; where the source is a stream, one after the other. */
#include <string.h>

#include "converge_private.h"
#include "failure.h"

enum { BLOCK = CONVERGE_BLOCK, WAIT_US = 200 * 1000 };

static gboolean window_is_local(const struct plan *plan, const struct window *window)
{
	return plan_has(plan, window->first, window->count, PLAN_KEEP) ||
	       plan_has(plan, window->first, window->count, PLAN_ZERO) ||
	       plan_has(plan, window->first, window->count, PLAN_COPY);
}

gboolean effort_local(struct effort *effort, const char *step, GError **error)
{
	const struct plan *plan = effort->converge->plan;

	for (uint64_t first = 0; first < plan->blocks; first += CONVERGE_WINDOW) {
		const struct window window = { first, MIN(CONVERGE_WINDOW, plan->blocks - first) };

		if (window_is_local(plan, &window)) {
			struct job *job = g_new0(struct job, 1);

			job->kind = JOB_LOCAL;
			job->window = window;
			if (!effort_push(effort, job, error))
				return FALSE;
		}
		if (!effort_step(effort, step, error))
			return FALSE;
	}
	return TRUE;
}

/* Fetching: frames next to each other, as many as a window has room for, are one job. */

struct fetch {
	struct effort *effort;
	GArray *ranges; /* of struct source_range, rising: what is wanted */
	guint range;    /* the one at hand */
	uint64_t start; /* of the section of frames, in the bundle */
	GArray *entries;
	uint64_t stored_bytes; /* of the entries */
	gint done;             /* atomic */
	gboolean is_beside;    /* in a thread of its own, which does not report */
	GError *failure;
};

static gboolean is_in_range(struct fetch *fetch, const struct frame_entry *entry)
{
	const uint64_t offset = fetch->start + entry->offset;

	for (; fetch->range < fetch->ranges->len; fetch->range++) {
		const struct source_range *range = &g_array_index(
			fetch->ranges, struct source_range, fetch->range);

		if (offset < range->offset + range->size_bytes)
			return entry->stored_size > 0 && offset >= range->offset;
	}
	return FALSE;
}

static gboolean entries_push(struct fetch *fetch, GError **error)
{
	struct effort *effort = fetch->effort;
	const struct frame_entry *first, *last;
	g_autofree uint8_t *stored = NULL;
	struct job *job;

	if (fetch->entries->len == 0)
		return TRUE;
	first = &g_array_index(fetch->entries, struct frame_entry, 0);
	last = first + (fetch->entries->len - 1);
	stored = g_malloc(fetch->stored_bytes);
	if (!source_read(effort->converge->bundle->source, fetch->start + first->offset, stored,
			 fetch->stored_bytes, error))
		return FALSE;
	job = g_new0(struct job, 1);
	job->kind = JOB_FRAMES;
	job->window.first = first->first_block;
	job->window.count = last->first_block + last->block_count - first->first_block;
	job->entries = g_steal_pointer(&fetch->entries);
	job->stored = g_steal_pointer(&stored);
	fetch->entries = g_array_new(FALSE, FALSE, sizeof(struct frame_entry));
	fetch->stored_bytes = 0;
	return effort_push(effort, job, error);
}

static gboolean entry_add(struct fetch *fetch, const struct frame_entry *entry, GError **error)
{
	const struct frame_entry *first = fetch->entries->len > 0
						  ? &g_array_index(fetch->entries,
								   struct frame_entry, 0)
						  : NULL;
	const struct frame_entry *last = first != NULL ? first + (fetch->entries->len - 1) : NULL;

	if (last != NULL &&
	    (last->index + 1 != entry->index ||
	     entry->first_block + entry->block_count - first->first_block > CONVERGE_WINDOW) &&
	    !entries_push(fetch, error))
		return FALSE;
	g_array_append_val(fetch->entries, *entry);
	fetch->stored_bytes += entry->stored_size;
	return TRUE;
}

static gboolean fetch_run(struct fetch *fetch, GError **error)
{
	const struct frameindex *frames = fetch->effort->converge->frames;
	struct frame_entry entry = { 0 };

	while (frameindex_next(frames, &entry)) {
		if (is_in_range(fetch, &entry) && !entry_add(fetch, &entry, error))
			return FALSE;
		if (!fetch->is_beside && !effort_step(fetch->effort, "write", error))
			return FALSE;
	}
	return entries_push(fetch, error);
}

static struct fetch *fetch_new(struct effort *effort)
{
	const struct converge *converge = effort->converge;
	const struct bundle_section *section = bundle_find(converge->bundle, converge->payload,
							   BUNDLE_FRAMES);
	struct fetch *fetch = g_new0(struct fetch, 1);

	fetch->effort = effort;
	fetch->start = section->offset;
	fetch->ranges = g_array_copy(converge->plan->ranges);
	fetch->entries = g_array_new(FALSE, FALSE, sizeof(struct frame_entry));
	converge_schedule(converge);
	return fetch;
}

static void fetch_free(struct fetch *fetch)
{
	g_array_unref(fetch->ranges);
	g_array_unref(fetch->entries);
	g_clear_error(&fetch->failure);
	g_free(fetch);
}

static gpointer fetch_thread(gpointer data)
{
	struct fetch *fetch = data;

	(void)fetch_run(fetch, &fetch->failure); /* the failure says it */
	g_atomic_int_set(&fetch->done, 1);
	return NULL;
}

/* The caller's thread reports while the other one fetches. */
static gboolean fetch_wait(struct fetch *fetch, GThread *thread, GError **error)
{
	gboolean going = TRUE;

	while (going && g_atomic_int_get(&fetch->done) == 0) {
		going = effort_step(fetch->effort, "fetch", error);
		g_usleep(WAIT_US / 10);
	}
	g_thread_join(thread);
	if (going && fetch->failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&fetch->failure));
		return FALSE;
	}
	return going;
}

static gboolean fetch_beside(struct effort *effort, gboolean local, GError **error)
{
	struct fetch *fetch = fetch_new(effort);
	GThread *thread;
	gboolean done;

	fetch->is_beside = TRUE;
	thread = g_thread_new("fetch", fetch_thread, fetch);
	done = !local || effort_local(effort, "copy", error);

	done = fetch_wait(fetch, thread, done ? error : NULL) && done;
	fetch_free(fetch);
	return done && crew_drain(effort->crew, error);
}

static gboolean fetch_behind(struct effort *effort, GError **error)
{
	struct fetch *fetch;
	gboolean done;

	if (!effort_local(effort, "copy", error) || !crew_drain(effort->crew, error))
		return FALSE;
	converge_plan_close(effort->converge);
	fetch = fetch_new(effort);
	done = fetch_run(fetch, error);
	fetch_free(fetch);
	return done && crew_drain(effort->crew, error);
}

gboolean effort_all(struct effort *effort, GError **error)
{
	struct converge *converge = effort->converge;

	if (converge->bundle == NULL)
		return effort_local(effort, "check", error);
	if (converge->bundle->source->forward_only || converge_is_alone(converge))
		return fetch_behind(effort, error);
	if (!fetch_beside(effort, TRUE, error))
		return FALSE;
	if (effort->missing == 0)
		return TRUE;
	/* What the seed or the target turned out not to have. */
	converge_plan_close(converge);
	return fetch_beside(effort, FALSE, error);
}

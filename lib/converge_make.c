/* SPDX-License-Identifier: MIT */
/* Making the blocks of a delta: its frames one after another, in a thread of their own where there
 * are threads, while the workers hash and write what the frame before gave. */
#include <string.h>

#include "converge_private.h"
#include "deltaframe.h"
#include "failure.h"

enum {
	BLOCK = CONVERGE_BLOCK,
	WAIT_US = 20 * 1000,
	/* What a frame takes beside the blocks that it makes, and those of the one before. */
	MEMORY_MAX = 38 << 20,
};

struct making {
	struct effort *effort;
	uint64_t offset; /* of the section of frames, in the bundle */
	GThread *thread; /* NULL: the caller's, which reports */
	gint stop, done; /* atomic */
	GMutex mutex;    /* over held_bytes */
	GCond gone;
	uint64_t held_bytes; /* of blocks that workers have not written yet */
	GError *failure;
};

static gboolean base_read(gpointer user_data, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	const struct making *making = user_data;
	const struct converge *converge = making->effort->converge;
	const struct converge_place *seed = converge->seed;
	const uint64_t border = seed->tree.data_blocks * BLOCK;
	const size_t first = offset < border ? (size_t)MIN(size_bytes, border - offset) : 0;

	if (first > 0 && !disk_read(seed->disk, seed->offset + offset, bytes, first, error))
		return FALSE;
	return first == size_bytes ||
	       disk_read(converge->companion->target.disk,
			 converge->companion->target.offset + (offset + first - border),
			 bytes + first, size_bytes - first, error);
}

/* Waits for the workers where this frame has no room beside the blocks of the one before. */
static void base_reserve(gpointer user_data, size_t size_bytes)
{
	struct making *making = user_data;

	g_mutex_lock(&making->mutex);
	while (making->held_bytes > 0 && making->held_bytes + size_bytes > MEMORY_MAX)
		g_cond_wait(&making->gone, &making->mutex);
	g_mutex_unlock(&making->mutex);
}

/* A frame's blocks, until the last job that has some of them is done. */
struct made {
	struct making *making;
	uint8_t *blocks;
	size_t size_bytes;
};

static void made_free(gpointer data)
{
	struct made *made = data;
	struct making *making = made->making;

	g_free(made->blocks);
	g_mutex_lock(&making->mutex);
	making->held_bytes -= made->size_bytes;
	g_cond_signal(&making->gone);
	g_mutex_unlock(&making->mutex);
	g_free(made);
}

static GBytes *made_hold(struct making *making, uint8_t *blocks, size_t size_bytes)
{
	struct made *made = g_new0(struct made, 1);

	made->making = making;
	made->blocks = blocks;
	made->size_bytes = size_bytes;
	g_mutex_lock(&making->mutex);
	making->held_bytes += size_bytes;
	g_mutex_unlock(&making->mutex);
	return g_bytes_new_with_free_func(blocks, size_bytes, made_free, made);
}

/* Hands the blocks that a frame made to the workers, run by run. */
static gboolean output_push(struct effort *effort, const struct deltaindex_frame *frame,
			    GBytes *made, GError **error)
{
	const GArray *outputs = effort->converge->delta->outputs;
	const uint8_t *blocks = g_bytes_get_data(made, NULL);

	for (uint32_t i = 0; i < frame->output_count; i++) {
		const struct deltaindex_output *output = &g_array_index(
			outputs, struct deltaindex_output, frame->first_output + i);

		for (uint64_t done = 0; done < output->block_count; done += CONVERGE_WINDOW) {
			struct job *job = g_new0(struct job, 1);

			job->kind = JOB_MADE;
			job->window.first = output->first_block + done;
			job->window.count = MIN(CONVERGE_WINDOW, output->block_count - done);
			job->made = g_bytes_ref(made);
			job->bytes = blocks;
			blocks += job->window.count * BLOCK;
			if (!crew_push_urgent(effort->crew, job, error))
				return FALSE;
		}
	}
	return TRUE;
}

static gboolean frame_make(struct making *making, const struct deltaindex_frame *frame,
			   GError **error)
{
	struct converge *converge = making->effort->converge;
	const struct deltaframe_base base = {
		.read = base_read,
		.reserve = base_reserve,
		.user_data = making,
		.size_bytes = (converge->seed->tree.data_blocks +
			       converge->delta->companion_blocks) *
			      BLOCK,
	};
	const size_t size_bytes = (size_t)frame->block_count * BLOCK;
	g_autofree uint8_t *stored = g_malloc(frame->stored_size);
	g_autofree uint8_t *blocks = NULL;
	g_autoptr(GBytes) made = NULL;

	if (!source_read(converge->bundle->source, making->offset + frame->offset, stored,
			 frame->stored_size, error))
		return FALSE;
	blocks = g_malloc(size_bytes);
	if (!deltaframe_apply(stored, frame->stored_size, &base, blocks, size_bytes, error))
		return FALSE;
	made = made_hold(making, g_steal_pointer(&blocks), size_bytes);
	return output_push(making->effort, frame, made, error);
}

static gboolean frames_make(struct making *making, GError **error)
{
	struct converge *converge = making->effort->converge;

	for (guint i = 0; i < converge->delta->frames->len; i++) {
		const struct deltaindex_frame *frame = &g_array_index(converge->delta->frames,
								      struct deltaindex_frame, i);

		if (g_atomic_int_get(&making->stop) != 0)
			return TRUE;
		if (plan_wants(converge->plan, converge->delta, frame) &&
		    !frame_make(making, frame, error))
			return FALSE;
		if (making->thread == NULL && !effort_step(making->effort, "make", error))
			return FALSE;
	}
	return TRUE;
}

static struct making *making_new(struct effort *effort, uint64_t offset)
{
	struct converge *converge = effort->converge;
	struct making *making = g_new0(struct making, 1);

	making->effort = effort;
	making->offset = offset;
	g_mutex_init(&making->mutex);
	g_cond_init(&making->gone);
	plan_close_delta(converge->plan, converge->delta, offset); /* without what was kept */
	converge_schedule(converge);
	return making;
}

/* Waits for the jobs, which have something of it. */
static void making_free(struct making *making)
{
	g_mutex_lock(&making->mutex);
	while (making->held_bytes > 0)
		g_cond_wait(&making->gone, &making->mutex);
	g_mutex_unlock(&making->mutex);
	g_mutex_clear(&making->mutex);
	g_cond_clear(&making->gone);
	g_clear_error(&making->failure);
	g_free(making);
}

gboolean making_here(struct effort *effort, uint64_t offset, GError **error)
{
	struct making *making = making_new(effort, offset);
	const gboolean done = frames_make(making, error);

	making_free(making);
	return done;
}

static gpointer making_thread(gpointer data)
{
	struct making *making = data;

	(void)frames_make(making, &making->failure); /* the failure says it */
	g_atomic_int_set(&making->done, 1);
	return NULL;
}

struct making *making_start(struct effort *effort, uint64_t offset)
{
	struct making *making = making_new(effort, offset);

	making->thread = g_thread_new("make", making_thread, making);
	return making;
}

gboolean making_join(struct making *making, gboolean going, GError **error)
{
	while (going && g_atomic_int_get(&making->done) == 0) {
		going = effort_step(making->effort, "make", error);
		g_usleep(WAIT_US);
	}
	g_atomic_int_set(&making->stop, 1);
	g_thread_join(making->thread);
	if (going && making->failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&making->failure));
		going = FALSE;
	}
	making_free(making);
	return going;
}

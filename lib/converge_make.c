/* SPDX-License-Identifier: MIT */
/* Making the blocks of a delta: its frames are applied by threads of their own where there are
 * threads, two at once if memory allows, while the workers hash and write what was made before. */
#include <string.h>

#include "converge_private.h"
#include "decoder.h"
#include "failure.h"

enum {
	BLOCK = CONVERGE_BLOCK,
	WAIT_US = 20 * 1000,
	THREADS = 2,
	/* What frames take together, with the blocks that workers have not written yet. One frame
	 * alone may take more. */
	MEMORY_MAX = 28 << 20,
	STORED_SMALL = 1 << 20, /* bytes that a frame may have in memory before it reserves */
};

/* A frame in work. */
struct making_frame {
	struct making *making;
	const struct deltaindex_frame *entry;
	uint64_t reserved_bytes; /* 0: not yet */
	gboolean is_later;       /* than another one in work */
};

struct making {
	struct effort *effort;
	uint64_t offset; /* of the section of frames, in the bundle */
	GThread *threads[THREADS];
	unsigned thread_count; /* 0: the caller's, which reports */
	gint stop, done;       /* atomic; threads that have no more to do */
	GMutex taking;         /* over what follows: the source is read in order */
	guint next;            /* frame */
	GMutex mutex;          /* over all that follows */
	GCond gone;            /* bytes, or a frame */
	struct making_frame *in_work[THREADS];
	uint64_t reserved_bytes; /* of frames in work */
	uint64_t held_bytes;     /* of blocks that workers have not written yet */
	GError *failure;         /* the first */
};

/* A frame waits for the blocks of those before, and for others that have reserved: these come to
 * their end without it. The earlier of two goes first, so that they do not wait for each other. */
static gboolean has_room(const struct making *making, const struct making_frame *frame,
			 uint64_t size_bytes)
{
	const uint64_t taken = making->reserved_bytes + making->held_bytes;

	return taken + size_bytes <= MEMORY_MAX || (taken == 0 && !frame->is_later);
}

static void base_reserve(gpointer user_data, size_t size_bytes)
{
	struct making_frame *frame = user_data;
	struct making *making = frame->making;
	const uint64_t all_bytes = size_bytes + (uint64_t)frame->entry->block_count * BLOCK;

	g_mutex_lock(&making->mutex);
	while (!has_room(making, frame, all_bytes))
		g_cond_wait(&making->gone, &making->mutex);
	making->reserved_bytes += all_bytes;
	frame->reserved_bytes = all_bytes;
	g_mutex_unlock(&making->mutex);
}

/* A frame whose stored bytes are many is not read while another one is in work. */
static void frame_enter(struct making *making, struct making_frame *frame)
{
	unsigned free_place = 0;

	g_mutex_lock(&making->mutex);
	for (unsigned i = 0; i < THREADS; i++) {
		while (making->in_work[i] != NULL && frame->entry->stored_size > STORED_SMALL)
			g_cond_wait(&making->gone, &making->mutex);
		frame->is_later = frame->is_later || making->in_work[i] != NULL;
		free_place = making->in_work[i] == NULL ? i : free_place;
	}
	making->in_work[free_place] = frame;
	g_mutex_unlock(&making->mutex);
}

static void frame_leave(struct making *making, struct making_frame *frame)
{
	g_mutex_lock(&making->mutex);
	making->reserved_bytes -= frame->reserved_bytes;
	for (unsigned i = 0; i < THREADS; i++)
		if (making->in_work[i] == frame)
			making->in_work[i] = NULL;
		else if (making->in_work[i] != NULL)
			making->in_work[i]->is_later = FALSE; /* there are two at most */
	g_cond_broadcast(&making->gone);
	g_mutex_unlock(&making->mutex);
}

/* A frame's blocks, until the last job that has some of them is done. */
struct made {
	struct making *making;
	struct decoder_room *room;
};

static void made_free(gpointer data)
{
	struct made *made = data;
	struct making *making = made->making;
	const size_t size_bytes = made->room->blocks_size;

	decoder_room_free(made->room);
	g_mutex_lock(&making->mutex);
	making->held_bytes -= size_bytes;
	g_cond_broadcast(&making->gone);
	g_mutex_unlock(&making->mutex);
	g_free(made);
}

static GBytes *made_hold(struct making *making, struct decoder_room *room)
{
	struct made *made = g_new0(struct made, 1);

	made->making = making;
	made->room = room;
	g_mutex_lock(&making->mutex);
	making->held_bytes += room->blocks_size;
	g_mutex_unlock(&making->mutex);
	return g_bytes_new_with_free_func(room->blocks, room->blocks_size, made_free, made);
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

/* What frames refer to: the seed's image, and behind it that of the companion. */
static struct decoder_base base_of(struct making_frame *frame)
{
	const struct converge *converge = frame->making->effort->converge;
	const struct converge_place *seed = converge->seed;
	struct decoder_base base = {
		.parts = { { seed->disk, seed->offset, seed->tree.data_blocks * BLOCK } },
		.reserve = base_reserve,
		.user_data = frame,
	};

	if (converge->delta->companion_blocks > 0)
		base.parts[1] = (struct decoder_part){
			.disk = converge->companion->target.disk,
			.offset = converge->companion->target.offset,
			.size_bytes = (uint64_t)converge->delta->companion_blocks * BLOCK,
		};
	return base;
}

/* The next frame that is wanted, in `frame`, and a room with its stored bytes; NULL without a
 * failure: there is none. The source may be a stream, so frames are read in their order. */
static struct decoder_room *frame_take(struct making_frame *frame, struct decoder *decoder,
				       GError **error)
{
	struct making *making = frame->making;
	const struct converge *converge = making->effort->converge;
	const struct deltaindex *delta = converge->delta;

	while (making->next < delta->frames->len) {
		const struct deltaindex_frame *entry = &g_array_index(
			delta->frames, struct deltaindex_frame, making->next++);
		g_autoptr(DecoderRoom) room = NULL;

		if (!plan_wants(converge->plan, delta, entry))
			continue;
		frame->entry = entry;
		frame_enter(making, frame);
		room = decoder_room_new(decoder, (size_t)entry->block_count * BLOCK,
					entry->stored_size, error);
		if (room != NULL &&
		    source_read(converge->bundle->source, making->offset + entry->offset,
				room->stored, entry->stored_size, error))
			return g_steal_pointer(&room);
		frame_leave(making, frame);
		return NULL;
	}
	return NULL;
}

/* FALSE after a failure; *ret_more: there was a frame. The blocks are held once they are made, and
 * no longer reserved. */
static gboolean frame_make(struct making *making, struct decoder *decoder, gboolean *ret_more,
			   GError **error)
{
	struct making_frame frame = { .making = making };
	const struct decoder_base base = base_of(&frame);
	g_autoptr(DecoderRoom) room = NULL;
	g_autoptr(GBytes) made = NULL;
	GError *failure = NULL;

	g_mutex_lock(&making->taking);
	room = frame_take(&frame, decoder, &failure);
	g_mutex_unlock(&making->taking);
	*ret_more = room != NULL;
	if (room != NULL) {
		if (decoder_delta(decoder, room, &base, &failure))
			made = made_hold(making, g_steal_pointer(&room));
		frame_leave(making, &frame);
	}
	if (failure != NULL) {
		g_propagate_error(error, failure);
		return FALSE;
	}
	return made == NULL || output_push(making->effort, frame.entry, made, error);
}

static gboolean frames_make(struct making *making, GError **error)
{
	const struct converge *converge = making->effort->converge;
	g_autoptr(Decoder)
		decoder = decoder_new(converge->workers, NULL, converge->cancellable, error);
	gboolean more = decoder != NULL;

	while (more && g_atomic_int_get(&making->stop) == 0) {
		if (!frame_make(making, decoder, &more, error))
			return FALSE;
		if (making->thread_count == 0 && !effort_step(making->effort, "make", error))
			return FALSE;
	}
	return decoder != NULL;
}

static struct making *making_new(struct effort *effort, uint64_t offset)
{
	struct converge *converge = effort->converge;
	struct making *making = g_new0(struct making, 1);

	making->effort = effort;
	making->offset = offset;
	g_mutex_init(&making->taking);
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
	g_mutex_clear(&making->taking);
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

/* The first failure stops the others. */
static gpointer making_thread(gpointer data)
{
	struct making *making = data;
	GError *failure = NULL;

	if (!frames_make(making, &failure)) {
		g_atomic_int_set(&making->stop, 1);
		g_mutex_lock(&making->mutex);
		if (making->failure == NULL)
			making->failure = g_steal_pointer(&failure);
		g_mutex_unlock(&making->mutex);
		g_clear_error(&failure);
	}
	g_atomic_int_inc(&making->done);
	return NULL;
}

struct making *making_start(struct effort *effort, uint64_t offset)
{
	struct making *making = making_new(effort, offset);

	making->thread_count = MIN(THREADS, g_get_num_processors());
	for (unsigned i = 0; i < making->thread_count; i++)
		making->threads[i] = g_thread_new("make", making_thread, making);
	return making;
}

gboolean making_join(struct making *making, gboolean going, GError **error)
{
	while (going && g_atomic_int_get(&making->done) < (gint)making->thread_count) {
		going = effort_step(making->effort, "make", error);
		g_usleep(WAIT_US);
	}
	g_atomic_int_set(&making->stop, 1);
	for (unsigned i = 0; i < making->thread_count; i++)
		g_thread_join(making->threads[i]);
	if (going && making->failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&making->failure));
		going = FALSE;
	}
	making_free(making);
	return going;
}

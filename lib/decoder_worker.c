/* SPDX-License-Identifier: MIT */
/* The decoder of a worker process. Of what it is given it can only read the base, through
 * descriptors that cannot write; of what it gives, sizes and numbers are checked here, and bytes by
 * whoever hashes them. */
#include <string.h>
#include <unistd.h>

#include "decoder.h"
#include "deltaframe.h"
#include "failure.h"
#include "veritree.h"
#include "worker.h"

enum { PAGE = 4096, RESERVE_MAX = DELTAFRAME_WORKING_MAX + (64 << 20) };

struct decoder_worker {
	struct decoder decoder;
	struct worker *worker;
	struct sharedmem memory; /* of struct workerwire_frames; fd -1: not needed yet */
	GBytes *dictionary;
};

static struct workerwire_frames *window_of(const struct decoder_worker *remote)
{
	return (struct workerwire_frames *)remote->memory.bytes;
}

/* The first window: the dictionary goes before it. */
static gboolean window_begin(struct decoder_worker *remote, GError **error)
{
	static const fault FAULTS[] = { FAULT_OK };
	gsize size_bytes = 0;
	gconstpointer bytes = remote->dictionary != NULL
				      ? g_bytes_get_data(remote->dictionary, &size_bytes)
				      : NULL;
	struct worker_call call = { .message = { .kind = WORKERWIRE_DICTIONARY_SET,
						 .numbers = { size_bytes } },
				    .faults = FAULTS };

	if (size_bytes > WORKERWIRE_DICTIONARY)
		return failure_set(error, FAULT_BUNDLE_RANGE,
				   "a dictionary of %zu bytes is too large", size_bytes);
	if (!sharedmem_init(&remote->memory, sizeof(struct workerwire_frames), error))
		return FALSE;
	if (size_bytes > 0)
		memcpy(window_of(remote)->dictionary, bytes, size_bytes);
	call.fds = (struct workerwire_fds){ { remote->memory.fd }, 1 };
	return worker_call(remote->worker, &call, error);
}

/* Returns the size of the blocks; 0: it is too much for a window. */
static size_t window_fill(struct decoder_worker *remote, const struct decoder_frames *frames,
			  size_t *ret_stored_size)
{
	struct workerwire_frames *window = window_of(remote);
	size_t blocks_size = 0, stored_size = 0;

	if (frames->count > WORKERWIRE_FRAMES_MAX)
		return 0;
	for (guint i = 0; i < frames->count; i++) {
		const struct frame_entry *entry = &frames->entries[i];

		window->entries[i].encoding = entry->encoding;
		window->entries[i].stored_size = entry->stored_size;
		window->entries[i].block_count = entry->block_count;
		blocks_size += (size_t)entry->block_count * VERITREE_BLOCK_SIZE;
		stored_size += entry->stored_size;
	}
	if (blocks_size > WORKERWIRE_WINDOW || stored_size > WORKERWIRE_WINDOW)
		return 0;
	memcpy(window->stored, frames->stored, stored_size);
	*ret_stored_size = stored_size;
	return blocks_size;
}

/* The worker names the frame, and why. */
static gboolean frames_failed(struct decoder_worker *remote, const struct decoder_frames *frames,
			      const struct workerwire_message *message, GError **error)
{
	g_autofree char *why = workerwire_text(message);

	if (message->numbers[0] >= frames->count)
		return worker_lied(remote->worker, "fails at a frame that is not there", error);
	return decoder_frame_failed(frames, (guint)message->numbers[0], why, error);
}

static gboolean remote_frames(struct decoder *decoder, const struct decoder_frames *frames,
			      uint8_t *ret_blocks, GError **error)
{
	static const fault FAULTS[] = { FAULT_BUNDLE_FRAME, FAULT_OK };
	struct decoder_worker *remote = (struct decoder_worker *)decoder;
	struct worker_call call = { .message = { .kind = WORKERWIRE_FRAMES }, .faults = FAULTS };
	g_autoptr(GError) why = NULL;
	size_t blocks_size, stored_size = 0;

	if (remote->memory.fd < 0 && !window_begin(remote, error))
		return FALSE;
	blocks_size = window_fill(remote, frames, &stored_size);
	if (blocks_size == 0)
		return failure_set(error, FAULT_BUNDLE_RANGE, "too many frames at once");
	call.message.numbers[0] = frames->count;
	call.message.numbers[1] = stored_size;
	if (worker_call(remote->worker, &call, &why)) {
		memcpy(ret_blocks, window_of(remote)->blocks, blocks_size);
		return TRUE;
	}
	if (failure_code(why) == FAULT_BUNDLE_FRAME)
		return frames_failed(remote, frames, &call.message, error);
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

/* The blocks come first, so that what is behind them can be given back alone. */
static gboolean remote_room_make(struct decoder_room *room, GError **error)
{
	const size_t start = (room->blocks_size + PAGE - 1) / PAGE * PAGE;

	if (!sharedmem_init(&room->memory, start + MAX(room->stored_size, 1), error))
		return FALSE;
	room->blocks = room->memory.bytes;
	room->stored = room->memory.bytes + start;
	return TRUE;
}

/* A delta in work. */
struct reserving {
	struct worker *worker;
	const struct decoder_base *base;
	gboolean was_reserved;
};

static gboolean reserve_take(gpointer user_data, const struct workerwire_message *message)
{
	struct reserving *reserving = user_data;

	if (message->kind != WORKERWIRE_RESERVE || reserving->was_reserved ||
	    message->numbers[0] > RESERVE_MAX)
		return FALSE;
	reserving->was_reserved = TRUE;
	if (reserving->base->reserve != NULL)
		reserving->base->reserve(reserving->base->user_data, (size_t)message->numbers[0]);
	(void)worker_reply(reserving->worker, WORKERWIRE_RESERVED); /* if it is gone, that shows */
	return TRUE;
}

static gboolean parts_add(const struct decoder_base *base, struct worker_call *call, GError **error)
{
	for (unsigned i = 0; i < DECODER_PARTS; i++) {
		const struct decoder_part *part = &base->parts[i];
		uint64_t start = 0;
		int fd;

		if (part->size_bytes == 0)
			continue;
		fd = disk_reader(part->disk, &start, error);
		if (fd < 0)
			return FALSE;
		call->message.numbers[3 + 2 * i] = start + part->offset;
		call->message.numbers[4 + 2 * i] = part->size_bytes;
		call->fds.fds[call->fds.count++] = fd;
	}
	return TRUE;
}

static void parts_close(struct worker_call *call)
{
	for (unsigned i = 1; i < call->fds.count; i++)
		(void)close(call->fds.fds[i]); /* they were only read */
}

static gboolean remote_delta(struct decoder *decoder, struct decoder_room *room,
			     const struct decoder_base *base, GError **error)
{
	static const fault FAULTS[] = { FAULT_DELTA_FRAME, FAULT_DISK_READ, FAULT_OK };
	struct decoder_worker *remote = (struct decoder_worker *)decoder;
	struct reserving reserving = { .worker = remote->worker, .base = base };
	struct worker_call call = {
		.message = { .kind = WORKERWIRE_DELTA,
			     .numbers = { room->blocks_size, room->stored_size,
					  (uint64_t)(room->stored - room->memory.bytes) } },
		.fds = { { room->memory.fd }, 1 },
		.faults = FAULTS,
		.event = reserve_take,
		.user_data = &reserving,
	};
	const gboolean done = parts_add(base, &call, error) &&
			      worker_call(remote->worker, &call, error);

	parts_close(&call);
	sharedmem_drop(&room->memory, room->blocks_size);
	room->stored = NULL;
	return done;
}

static gboolean remote_unpack(struct decoder *decoder, struct decoder_room *room, size_t *ret_size,
			      GError **error)
{
	static const fault FAULTS[] = { FAULT_DELTA_INDEX, FAULT_OK };
	struct decoder_worker *remote = (struct decoder_worker *)decoder;
	struct worker_call call = {
		.message = { .kind = WORKERWIRE_UNPACK,
			     .numbers = { room->blocks_size, room->stored_size,
					  (uint64_t)(room->stored - room->memory.bytes) } },
		.fds = { { room->memory.fd }, 1 },
		.faults = FAULTS,
	};

	if (!worker_call(remote->worker, &call, error))
		return FALSE;
	if (call.message.numbers[0] > room->blocks_size)
		return worker_lied(remote->worker, "unpacks more than there can be", error);
	*ret_size = (size_t)call.message.numbers[0];
	return TRUE;
}

static const fault PART_FAULTS[] = { FAULT_STATICDELTA_FORMAT, FAULT_OK };

/* The room, and a number more. */
static gboolean part_call(struct decoder *decoder, const struct decoder_room *room,
			  enum workerwire_kind kind, guint number, GError **error)
{
	struct worker_call call = {
		.message = { .kind = kind,
			     .numbers = { room->blocks_size, room->stored_size,
					  (uint64_t)(room->stored - room->memory.bytes), number } },
		.fds = { { room->memory.fd }, 1 },
		.faults = PART_FAULTS,
	};

	return worker_call(((struct decoder_worker *)decoder)->worker, &call, error);
}

static gboolean remote_part_open(struct decoder *decoder, struct decoder_room *room, guint count,
				 GError **error)
{
	return part_call(decoder, room, WORKERWIRE_PART_OPEN, count, error);
}

static gboolean remote_part_look(struct decoder *decoder, guint index,
				 struct staticpart_object *ret_object, GError **error)
{
	struct worker *worker = ((struct decoder_worker *)decoder)->worker;
	struct worker_call call = { .message = { .kind = WORKERWIRE_PART_LOOK,
						 .numbers = { index } },
				    .faults = PART_FAULTS };
	const uint64_t *numbers = call.message.numbers;

	if (!worker_call(worker, &call, error))
		return FALSE;
	if (numbers[0] > WORKERWIRE_PART_MOST || numbers[1] > STATICPART_HEADER_MAX ||
	    numbers[2] > STATICPART_CONTENT_MAX)
		return worker_lied(worker, "has an object that cannot be", error);
	*ret_object = (struct staticpart_object){
		.is_file = (numbers[0] & WORKERWIRE_PART_FILE) != 0,
		.has_source = (numbers[0] & WORKERWIRE_PART_SOURCE) != 0,
		.header_size = (size_t)numbers[1],
		.content_size = (size_t)numbers[2],
	};
	memcpy(ret_object->source, &numbers[3], sizeof ret_object->source);
	return TRUE;
}

static gboolean remote_part_make(struct decoder *decoder, guint index, struct decoder_room *room,
				 GError **error)
{
	return part_call(decoder, room, WORKERWIRE_PART_MAKE, index, error);
}

static void remote_free(struct decoder *decoder)
{
	struct decoder_worker *remote = (struct decoder_worker *)decoder;

	worker_free(remote->worker);
	sharedmem_done(&remote->memory);
	g_clear_pointer(&remote->dictionary, g_bytes_unref);
	g_free(remote);
}

struct decoder *decoder_worker_new(const struct workers *workers, GBytes *dictionary,
				   GCancellable *cancellable, GError **error)
{
	static const struct decoder_ops OPS = {
		.frames = remote_frames,
		.room_make = remote_room_make,
		.delta = remote_delta,
		.unpack = remote_unpack,
		.part_open = remote_part_open,
		.part_look = remote_part_look,
		.part_make = remote_part_make,
		.free = remote_free,
	};
	struct worker *worker = worker_new(workers, WORKER_DECODE, cancellable,
					   FAULT_CONVERGE_CANCELLED, error);
	struct decoder_worker *remote;

	if (worker == NULL)
		return NULL;
	remote = g_new0(struct decoder_worker, 1);
	remote->decoder.ops = &OPS;
	remote->worker = worker;
	remote->memory.fd = -1;
	remote->dictionary = dictionary != NULL ? g_bytes_ref(dictionary) : NULL;
	return &remote->decoder;
}

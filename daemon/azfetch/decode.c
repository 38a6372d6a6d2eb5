/* SPDX-License-Identifier: MIT */
/* What a decoder does: frames, delta frames, packs, and parts of static deltas. It reads what
 * azupdated has put into memory, and the base out of descriptors that cannot write. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "deltaframe.h"
#include "deltaindex.h"
#include "failure.h"
#include "frame.h"
#include "session.h"
#include "staticpart.h"
#include "veritree.h"

/* The window of frames, and its decoder. */
static struct {
	struct sharedmem memory;
	struct frame_decoder *decoder; /* NULL: no window yet */
} window;

static gboolean dictionary_do(const struct request *request, struct workerwire_message *answer,
			      GError **error)
{
	const uint64_t size_bytes = request->message->numbers[0];
	const struct workerwire_frames *frames;
	g_autoptr(GBytes) dictionary = NULL;

	if (window.decoder != NULL)
		return session_refuse(error);
	if (!session_memory(request, &window.memory, error))
		return FALSE;
	if (window.memory.size_bytes < sizeof *frames || size_bytes > sizeof frames->dictionary)
		return session_refuse(error);
	frames = (const struct workerwire_frames *)(gpointer)window.memory.bytes;
	if (size_bytes > 0)
		dictionary = g_bytes_new(frames->dictionary, (gsize)size_bytes);
	window.decoder = frame_decoder_new(dictionary);
	return TRUE;
}

static gboolean frame_do(struct workerwire_frames *frames, unsigned index, size_t *stored_at,
			 size_t *blocks_at, GError **error)
{
	const struct frame_entry entry = {
		.encoding = (enum frame_encoding)frames->entries[index].encoding,
		.stored_size = frames->entries[index].stored_size,
		.block_count = frames->entries[index].block_count,
	};
	const size_t blocks_size = (size_t)entry.block_count * VERITREE_BLOCK_SIZE;
	const char *why;

	if (entry.stored_size > sizeof frames->stored - *stored_at ||
	    blocks_size > sizeof frames->blocks - *blocks_at ||
	    (entry.encoding == FRAME_STORED && entry.stored_size != blocks_size))
		return session_refuse(error);
	why = frame_decode(window.decoder, &entry, frames->stored + *stored_at,
			   frames->blocks + *blocks_at);
	*stored_at += entry.stored_size;
	*blocks_at += blocks_size;
	return why == NULL || failure_set(error, FAULT_BUNDLE_FRAME, "%s", why);
}

static gboolean frames_do(const struct request *request, struct workerwire_message *answer,
			  GError **error)
{
	struct workerwire_frames *frames =
		(struct workerwire_frames *)(gpointer)window.memory.bytes;
	const uint64_t count = request->message->numbers[0];
	size_t stored_at = 0, blocks_at = 0;

	if (window.decoder == NULL || count > WORKERWIRE_FRAMES_MAX)
		return session_refuse(error);
	for (unsigned i = 0; i < count; i++) {
		answer->numbers[0] = i;
		if (!frame_do(frames, i, &stored_at, &blocks_at, error))
			return FALSE;
	}
	return TRUE;
}

/* Memory whose first bytes are to be made, out of some that stand behind them. */
struct room {
	struct sharedmem memory;
	size_t made_size;
	size_t stored_size;
	const uint8_t *stored;
};

static gboolean room_take(const struct request *request, struct room *ret_room, GError **error)
{
	const uint64_t *numbers = request->message->numbers;
	struct room room = { .made_size = (size_t)numbers[0], .stored_size = (size_t)numbers[1] };

	if (!session_memory(request, &room.memory, error))
		return FALSE;
	if (numbers[2] > room.memory.size_bytes || numbers[0] > numbers[2] ||
	    numbers[1] > room.memory.size_bytes - numbers[2]) {
		sharedmem_done(&room.memory);
		return session_refuse(error);
	}
	room.stored = room.memory.bytes + numbers[2];
	*ret_room = room;
	return TRUE;
}

/* The base's parts, one behind the other. */
enum { PARTS_MAX = 2 };
struct base {
	struct {
		int fd;
		uint64_t offset;
		uint64_t size_bytes;
	} parts[PARTS_MAX];
};

static gboolean part_read(int fd, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	while (size_bytes > 0) {
		const ssize_t got = pread(fd, bytes, size_bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return failure_set(error, FAULT_DISK_READ,
					   "cannot read the delta's base at %" G_GUINT64_FORMAT
					   ": %s",
					   offset, got < 0 ? g_strerror(errno) : "it ends there");
		offset += (uint64_t)got;
		bytes += got;
		size_bytes -= (size_t)got;
	}
	return TRUE;
}

static gboolean base_read(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			  GError **error)
{
	const struct base *base = user_data;

	for (unsigned i = 0; i < PARTS_MAX && size_bytes > 0; i++) {
		const uint64_t part_size = base->parts[i].size_bytes;
		const size_t here = offset < part_size ? (size_t)MIN(size_bytes, part_size - offset)
						       : 0;

		if (here > 0 && !part_read(base->parts[i].fd, base->parts[i].offset + offset,
					   ret_bytes, here, error))
			return FALSE;
		offset = here > 0 ? 0 : offset - part_size;
		ret_bytes += here;
		size_bytes -= here;
	}
	return TRUE;
}

static void base_reserve(void *user_data, size_t size_bytes)
{
	const struct workerwire_message message = { .kind = WORKERWIRE_RESERVE,
						    .numbers = { size_bytes } };

	session_say(&message);
	session_await(WORKERWIRE_RESERVED);
}

static gboolean base_take(const struct request *request, struct base *ret_base, GError **error)
{
	unsigned fd_index = 1;

	for (unsigned i = 0; i < PARTS_MAX; i++) {
		ret_base->parts[i].offset = request->message->numbers[3 + 2 * i];
		ret_base->parts[i].size_bytes = request->message->numbers[4 + 2 * i];
		if (ret_base->parts[i].size_bytes == 0)
			continue;
		if (fd_index >= request->fds->count)
			return session_refuse(error);
		ret_base->parts[i].fd = request->fds->fds[fd_index++];
	}
	return TRUE;
}

static gboolean delta_do(const struct request *request, struct workerwire_message *answer,
			 GError **error)
{
	struct base base = { 0 };
	struct deltaframe_base given = { .read = base_read,
					 .reserve = base_reserve,
					 .user_data = &base };
	struct room room;
	gboolean done;

	if (!base_take(request, &base, error) || !room_take(request, &room, error))
		return FALSE;
	given.size_bytes = base.parts[0].size_bytes + base.parts[1].size_bytes;
	done = deltaframe_apply(room.stored, room.stored_size, &given, room.memory.bytes,
				room.made_size, error);
	sharedmem_done(&room.memory);
	return done;
}

static gboolean unpack_do(const struct request *request, struct workerwire_message *answer,
			  GError **error)
{
	g_autoptr(GByteArray) numbers = NULL;
	struct room room;
	gboolean done;

	if (!room_take(request, &room, error))
		return FALSE;
	numbers = deltaindex_unpack(room.stored, room.stored_size, error);
	done = numbers != NULL && (numbers->len <= room.made_size || session_refuse(error));
	if (done && numbers->len > 0)
		memcpy(room.memory.bytes, numbers->data, numbers->len);
	answer->numbers[0] = done ? numbers->len : 0;
	sharedmem_done(&room.memory);
	return done;
}

/* The part of a static delta that objects are made of. */
static struct staticpart *part;

static gboolean part_open_do(const struct request *request, struct workerwire_message *answer,
			     GError **error)
{
	const uint64_t count = request->message->numbers[3];
	struct bspatch_bytes stored;
	struct room room;

	if (!room_take(request, &room, error))
		return FALSE;
	g_clear_pointer(&part, staticpart_free);
	if (count > STATICPART_OBJECTS_MAX || count > room.stored_size) {
		sharedmem_done(&room.memory);
		return session_refuse(error);
	}
	stored = (struct bspatch_bytes){ room.stored, room.stored_size - (size_t)count };
	part = staticpart_open(&stored, room.stored + stored.size_bytes, (guint)count, error);
	sharedmem_done(&room.memory);
	return part != NULL;
}

static gboolean part_look_do(const struct request *request, struct workerwire_message *answer,
			     GError **error)
{
	const uint64_t index = request->message->numbers[0];
	struct staticpart_object object;

	if (part == NULL || index > STATICPART_OBJECTS_MAX)
		return session_refuse(error);
	if (!staticpart_look(part, (guint)index, &object, error))
		return FALSE;
	answer->numbers[0] = (object.is_file ? WORKERWIRE_PART_FILE : 0u) |
			     (object.has_source ? WORKERWIRE_PART_SOURCE : 0u);
	answer->numbers[1] = object.header_size;
	answer->numbers[2] = object.content_size;
	memcpy(&answer->numbers[3], object.source, sizeof object.source);
	return TRUE;
}

static gboolean part_make_do(const struct request *request, struct workerwire_message *answer,
			     GError **error)
{
	const uint64_t index = request->message->numbers[3];
	struct staticpart_object object;
	struct bspatch_bytes source;
	struct room room;
	gboolean done;

	if (part == NULL || index > STATICPART_OBJECTS_MAX)
		return session_refuse(error);
	if (!room_take(request, &room, error))
		return FALSE;
	source = (struct bspatch_bytes){ room.stored, room.stored_size };
	done = staticpart_look(part, (guint)index, &object, error) &&
	       (object.header_size + object.content_size == room.made_size ||
		session_refuse(error)) &&
	       staticpart_make(part, (guint)index, &source, room.memory.bytes, error);
	sharedmem_done(&room.memory);
	return done;
}

const session_func DECODE_FUNCTIONS[WORKERWIRE_KIND_COUNT] = {
	[WORKERWIRE_DICTIONARY_SET] = dictionary_do,
	[WORKERWIRE_FRAMES] = frames_do,
	[WORKERWIRE_DELTA] = delta_do,
	[WORKERWIRE_UNPACK] = unpack_do,
	[WORKERWIRE_PART_OPEN] = part_open_do,
	[WORKERWIRE_PART_LOOK] = part_look_do,
	[WORKERWIRE_PART_MAKE] = part_make_do,
};

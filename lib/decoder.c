/* SPDX-License-Identifier: MIT */
#include "decoder.h"

#include <string.h>

#include "deltaframe.h"
#include "deltaindex.h"
#include "failure.h"
#include "frame.h"
#include "largemem.h"
#include "veritree.h"

/* The decoder that is this process. */
struct decoder_here {
	struct decoder decoder;
	struct frame_decoder *frames; /* NULL: none was needed yet */
	GBytes *dictionary;           /* or NULL */
	struct staticpart *part;      /* or NULL */
};

gboolean decoder_frame_failed(const struct decoder_frames *frames, guint index, const char *why,
			      GError **error)
{
	return failure_set(error, FAULT_BUNDLE_FRAME,
			   "the frame of block %" G_GUINT64_FORMAT " of %s: %s",
			   frames->entries[index].first_block, frames->payload, why);
}

static gboolean here_frames(struct decoder *decoder, const struct decoder_frames *frames,
			    uint8_t *ret_blocks, GError **error)
{
	struct decoder_here *here = (struct decoder_here *)decoder;
	const uint8_t *stored = frames->stored;

	if (here->frames == NULL)
		here->frames = frame_decoder_new(here->dictionary);
	for (guint i = 0; i < frames->count; i++) {
		const struct frame_entry *entry = &frames->entries[i];
		const char *why = frame_decode(here->frames, entry, stored, ret_blocks);

		if (why != NULL)
			return decoder_frame_failed(frames, i, why, error);
		stored += entry->stored_size;
		ret_blocks += (size_t)entry->block_count * VERITREE_BLOCK_SIZE;
	}
	return TRUE;
}

static gboolean here_room_make(struct decoder_room *room, GError **error)
{
	room->blocks = largemem_new(room->blocks_size);
	room->stored = largemem_new(room->stored_size);
	return TRUE;
}

static gboolean base_read(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			  GError **error)
{
	const struct decoder_base *base = user_data;

	for (unsigned i = 0; i < DECODER_PARTS && size_bytes > 0; i++) {
		const struct decoder_part *part = &base->parts[i];
		const size_t here = offset < part->size_bytes
					    ? (size_t)MIN(size_bytes, part->size_bytes - offset)
					    : 0;

		if (here > 0 &&
		    !disk_read(part->disk, part->offset + offset, ret_bytes, here, error))
			return FALSE;
		offset = here > 0 ? 0 : offset - part->size_bytes;
		ret_bytes += here;
		size_bytes -= here;
	}
	return TRUE;
}

static void base_reserve(void *user_data, size_t size_bytes)
{
	const struct decoder_base *base = user_data;

	if (base->reserve != NULL)
		base->reserve(base->user_data, size_bytes);
}

static gboolean here_delta(struct decoder *decoder, struct decoder_room *room,
			   const struct decoder_base *base, GError **error)
{
	const struct deltaframe_base given = {
		.read = base_read,
		.reserve = base_reserve,
		.user_data = (void *)(uintptr_t)base,
		.size_bytes = base->parts[0].size_bytes + base->parts[1].size_bytes,
	};
	const gboolean done = deltaframe_apply(room->stored, room->stored_size, &given,
					       room->blocks, room->blocks_size, error);

	g_clear_pointer(&room->stored, largemem_free);
	return done;
}

static gboolean here_unpack(struct decoder *decoder, struct decoder_room *room, size_t *ret_size,
			    GError **error)
{
	g_autoptr(GByteArray) numbers = deltaindex_unpack(room->stored, room->stored_size, error);

	if (numbers == NULL)
		return FALSE;
	if (numbers->len > 0)
		memcpy(room->blocks, numbers->data, numbers->len);
	*ret_size = numbers->len;
	return TRUE;
}

static gboolean here_part_open(struct decoder *decoder, struct decoder_room *room, guint count,
			       GError **error)
{
	struct decoder_here *here = (struct decoder_here *)decoder;
	const struct bspatch_bytes stored = { room->stored, room->stored_size - count };

	g_clear_pointer(&here->part, staticpart_free);
	here->part = staticpart_open(&stored, room->stored + stored.size_bytes, count, error);
	return here->part != NULL;
}

static gboolean here_part_look(struct decoder *decoder, guint index,
			       struct staticpart_object *ret_object, GError **error)
{
	return staticpart_look(((struct decoder_here *)decoder)->part, index, ret_object, error);
}

static gboolean here_part_make(struct decoder *decoder, guint index, struct decoder_room *room,
			       GError **error)
{
	const struct bspatch_bytes source = { room->stored, room->stored_size };

	return staticpart_make(((struct decoder_here *)decoder)->part, index, &source, room->blocks,
			       error);
}

static void here_free(struct decoder *decoder)
{
	struct decoder_here *here = (struct decoder_here *)decoder;

	staticpart_free(here->part);

	frame_decoder_free(here->frames);
	g_clear_pointer(&here->dictionary, g_bytes_unref);
	g_free(here);
}

struct decoder *decoder_new(const struct workers *workers, GBytes *dictionary,
			    GCancellable *cancellable, GError **error)
{
	static const struct decoder_ops OPS = {
		.frames = here_frames,
		.room_make = here_room_make,
		.delta = here_delta,
		.unpack = here_unpack,
		.part_open = here_part_open,
		.part_look = here_part_look,
		.part_make = here_part_make,
		.free = here_free,
	};
	struct decoder_here *here;

	if (workers != NULL)
		return decoder_worker_new(workers, dictionary, cancellable, error);
	here = g_new0(struct decoder_here, 1);
	here->decoder.ops = &OPS;
	here->dictionary = dictionary != NULL ? g_bytes_ref(dictionary) : NULL;
	return &here->decoder;
}

void decoder_free(struct decoder *decoder)
{
	if (decoder != NULL)
		decoder->ops->free(decoder);
}

gboolean decoder_frames(struct decoder *decoder, const struct decoder_frames *frames,
			uint8_t *ret_blocks, GError **error)
{
	return decoder->ops->frames(decoder, frames, ret_blocks, error);
}

struct decoder_room *decoder_room_new(struct decoder *decoder, size_t blocks_size,
				      size_t stored_size, GError **error)
{
	g_autoptr(DecoderRoom) room = g_new0(struct decoder_room, 1);

	room->blocks_size = blocks_size;
	room->stored_size = stored_size;
	room->memory.fd = -1;
	return decoder->ops->room_make(room, error) ? g_steal_pointer(&room) : NULL;
}

void decoder_room_free(struct decoder_room *room)
{
	if (room == NULL)
		return;
	if (room->memory.fd < 0) {
		largemem_free(room->blocks);
		largemem_free(room->stored);
	}
	sharedmem_done(&room->memory);
	g_free(room);
}

gboolean decoder_delta(struct decoder *decoder, struct decoder_room *room,
		       const struct decoder_base *base, GError **error)
{
	return decoder->ops->delta(decoder, room, base, error);
}

GByteArray *decoder_deltaindex(struct decoder *decoder, GBytes *packed, GError **error)
{
	g_autoptr(DecoderRoom) room = decoder_room_new(decoder, DELTAINDEX_UNPACKED_MAX,
						       g_bytes_get_size(packed), error);
	size_t size_bytes = 0;
	GByteArray *numbers;

	if (room == NULL)
		return NULL;
	memcpy(room->stored, g_bytes_get_data(packed, NULL), room->stored_size);
	if (!decoder->ops->unpack(decoder, room, &size_bytes, error))
		return NULL;
	numbers = g_byte_array_sized_new((guint)size_bytes);
	return g_byte_array_append(numbers, room->blocks, (guint)size_bytes);
}

gboolean decoder_part_open(struct decoder *decoder, struct decoder_room *room, guint count,
			   GError **error)
{
	g_assert(count <= room->stored_size);
	return decoder->ops->part_open(decoder, room, count, error);
}

gboolean decoder_part_look(struct decoder *decoder, guint index,
			   struct staticpart_object *ret_object, GError **error)
{
	return decoder->ops->part_look(decoder, index, ret_object, error);
}

gboolean decoder_part_make(struct decoder *decoder, guint index, struct decoder_room *room,
			   GError **error)
{
	return decoder->ops->part_make(decoder, index, room, error);
}

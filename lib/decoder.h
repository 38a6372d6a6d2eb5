/* SPDX-License-Identifier: MIT */
#pragma once
/* Decoders: compressed bytes that nobody trusts become blocks that nobody trusts. Either this
 * process does it (azbundle, tests), or a worker process (azupdated); what comes out is checked by
 * the caller, and in the second case may change until the caller has copied it.
 *
 * A decoder is used by one thread at a time; a room may be freed by another one, and later. */

#include <gio/gio.h>
#include <glib.h>
#include <stdint.h>

#include "disk.h"
#include "frameindex.h"
#include "sharedmem.h"
#include "staticpart.h"

struct workers;
struct decoder;
typedef struct decoder Decoder; /* for g_autoptr() only */

/* Memory for a frame's blocks and its stored bytes. */
struct decoder_room {
	uint8_t *blocks;
	size_t blocks_size;
	uint8_t *stored; /* until the blocks are made */
	size_t stored_size;
	struct sharedmem memory; /* fd -1: this process's own */
};
typedef struct decoder_room DecoderRoom; /* for g_autoptr() only */

/* Frames next to each other, together one window of blocks at most. */
struct decoder_frames {
	const char *payload; /* for messages */
	const struct frame_entry *entries;
	guint count;
	const uint8_t *stored; /* of all, one after another */
};

/* What a delta refers to: parts of disks, one behind the other. */
enum { DECODER_PARTS = 2 };
struct decoder_part {
	struct disk *disk; /* NULL: no such part */
	uint64_t offset;
	uint64_t size_bytes;
};
struct decoder_base {
	struct decoder_part parts[DECODER_PARTS];
	/* Told, once at most, what the frame is about to take beside its blocks; may wait. */
	void (*reserve)(void *user_data, size_t size_bytes);
	void *user_data;
};

struct decoder_ops {
	gboolean (*frames)(struct decoder *decoder, const struct decoder_frames *frames,
			   uint8_t *ret_blocks, GError **error);
	gboolean (*room_make)(struct decoder_room *room, GError **error);
	gboolean (*delta)(struct decoder *decoder, struct decoder_room *room,
			  const struct decoder_base *base, GError **error);
	gboolean (*unpack)(struct decoder *decoder, struct decoder_room *room, size_t *ret_size,
			   GError **error);
	gboolean (*part_open)(struct decoder *decoder, struct decoder_room *room, guint count,
			      GError **error);
	gboolean (*part_look)(struct decoder *decoder, guint index,
			      struct staticpart_object *ret_object, GError **error);
	gboolean (*part_make)(struct decoder *decoder, guint index, struct decoder_room *room,
			      GError **error);
	void (*free)(struct decoder *decoder);
};
struct decoder {
	const struct decoder_ops *ops;
};

/* workers NULL: this process. dictionary: of frames; NULL: none. cancellable: of the worker; may be
 * NULL. FAULT_WORKER_START. */
struct decoder *decoder_new(const struct workers *workers, GBytes *dictionary,
			    GCancellable *cancellable, GError **error);
void decoder_free(struct decoder *decoder); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Decoder, decoder_free)

/* FAULT_BUNDLE_FRAME, and FAULT_WORKER_... here and below. The blocks are the caller's own: what
 * they are does not change any more. */
gboolean decoder_frames(struct decoder *decoder, const struct decoder_frames *frames,
			uint8_t *ret_blocks, GError **error);

/* NULL with FAULT_WORKER_START. */
struct decoder_room *decoder_room_new(struct decoder *decoder, size_t blocks_size,
				      size_t stored_size, GError **error);
void decoder_room_free(struct decoder_room *room); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DecoderRoom, decoder_room_free)
/* A delta frame (deltaframe.h): fills room->blocks; room->stored is gone then.
 * FAULT_DELTA_FRAME, FAULT_DISK_READ. */
gboolean decoder_delta(struct decoder *decoder, struct decoder_room *room,
		       const struct decoder_base *base, GError **error);
/* A delta index out of its pack: the numbers, for deltaindex_parse(). FAULT_DELTA_INDEX. */
GByteArray *decoder_deltaindex(struct decoder *decoder, GBytes *packed, GError **error);

/* A part of a static delta (staticpart.h) with `count` objects, until the next one: it stands in
 * room->stored, and behind it the type of each of its objects, a byte each.
 * FAULT_STATICDELTA_FORMAT here and below. */
gboolean decoder_part_open(struct decoder *decoder, struct decoder_room *room, guint count,
			   GError **error);
/* Sizes are within their limits. */
gboolean decoder_part_look(struct decoder *decoder, guint index,
			   struct staticpart_object *ret_object, GError **error);
/* Fills room->blocks, of header_size and content_size; room->stored has the older object. */
gboolean decoder_part_make(struct decoder *decoder, guint index, struct decoder_room *room,
			   GError **error);

/* The failure of a frame, in the same words wherever it was decoded. Always returns FALSE. */
gboolean decoder_frame_failed(const struct decoder_frames *frames, guint index, const char *why,
			      GError **error);
/* The decoder of a worker process. */
struct decoder *decoder_worker_new(const struct workers *workers, GBytes *dictionary,
				   GCancellable *cancellable, GError **error);

/* SPDX-License-Identifier: MIT */
/* The pieces of a frame: taken from the raw stream, compressed again, and put into the blocks. */
#include <string.h>

#include "deltaframe_private.h"
#include "largemem.h"
#include "lazymatch.h"
#include "parallel.h"
#include "recode.h"

enum {
	BATCH_MAX = 32,
	BATCH_BYTES = 2 << 20, /* made; one piece may make more */
	BATCH_THREADS = 2,     /* each takes what recode.h says */
};

/* Puts the made stream, which comes piece by piece, where the placements say. */
struct placing {
	struct varint_reader reader;
	uint64_t left;      /* placements */
	uint64_t skip;      /* bytes of the made stream to leave out ... */
	uint64_t size;      /* ... and then to put ... */
	uint64_t at;        /* ... here in the blocks */
	uint64_t put_bytes; /* so far */
};

static void placing_next(const struct applying *applying, struct placing *placing)
{
	placing->left--;
	placing->skip = varint_read_limited(&placing->reader, DELTAFRAME_RAW_MAX);
	placing->size = varint_read_limited(&placing->reader, applying->blocks_size);
	placing->at += (uint64_t)varint_read_signed(&placing->reader);
	placing->reader.failed = placing->reader.failed || placing->at > applying->blocks_size ||
				 placing->size > applying->blocks_size - placing->at;
}

static gboolean placing_put(const struct applying *applying, struct placing *placing,
			    const uint8_t *bytes, uint64_t size_bytes)
{
	while (size_bytes > 0) {
		const uint64_t skip = MIN(placing->skip, size_bytes);
		const uint64_t size = MIN(placing->size, size_bytes - skip);

		if (size > 0)
			memcpy(applying->blocks + placing->at, bytes + skip, (size_t)size);
		bytes += skip + size;
		size_bytes -= skip + size;
		placing->skip -= skip;
		placing->size -= size;
		placing->at += size;
		placing->put_bytes += size;
		if (placing->skip > 0 || placing->size > 0)
			continue;
		if (placing->left == 0)
			return TRUE; /* what is left over is not wanted */
		placing_next(applying, placing);
		if (placing->reader.failed)
			return FALSE;
	}
	return TRUE;
}

/* What the columns have for one piece, and where its bytes stand. */
struct piece {
	uint64_t kind;
	uint64_t made_size;
	struct recode_raw raw;
	uint8_t *made;   /* owned; NULL: the raw bytes are it */
	const char *why; /* it could not be made */
};

/* Some pieces next to each other, which are compressed again at the same time. */
struct pieces {
	struct applying *applying;
	size_t raw_at, correction_at;
	uint64_t left;
	uint64_t made_size, recoded_count; /* of all so far */
	struct piece batch[BATCH_MAX];
	unsigned count;
	struct lazymatch *spares[BATCH_THREADS]; /* of one piece of a thread for the next */
};

static gboolean piece_read(struct pieces *pieces, struct piece *ret_piece)
{
	struct applying *applying = pieces->applying;
	struct varint_reader *reader = &applying->columns[DELTAFORMAT_PIECES];
	struct piece piece = { .kind = varint_read(reader) };

	piece.raw.bytes = applying->raw + pieces->raw_at;
	piece.raw.size_bytes = (size_t)varint_read_limited(reader,
							   applying->raw_size - pieces->raw_at);
	if (piece.kind != RECODE_NONE) {
		piece.made_size = varint_read(reader);
		piece.raw.corrections = applying->corrections->data + pieces->correction_at;
		piece.raw.corrections_size = (size_t)varint_read_limited(
			reader, applying->corrections->len - pieces->correction_at);
	}
	pieces->raw_at += piece.raw.size_bytes;
	pieces->correction_at += piece.raw.corrections_size;
	*ret_piece = piece;
	return !reader->failed;
}

static const char *batch_read(struct pieces *pieces)
{
	uint64_t batch_size = 0;

	pieces->count = 0;
	while (pieces->left > 0 && pieces->count < BATCH_MAX && batch_size < BATCH_BYTES) {
		struct piece *piece = &pieces->batch[pieces->count];

		if (!piece_read(pieces, piece))
			return "its pieces end early";
		pieces->left--;
		pieces->count++;
		batch_size += piece->made_size;
		pieces->made_size += piece->made_size;
		pieces->recoded_count += piece->kind != RECODE_NONE ? 1 : 0;
		if (piece->made_size > DELTAFRAME_RECODED_MAX ||
		    pieces->made_size > DELTAFRAME_RAW_MAX ||
		    pieces->recoded_count > DELTAFRAME_RECODED_COUNT_MAX)
			return "its compressed pieces are too large or too many";
		if (piece->kind >= RECODE_KIND_COUNT)
			return "a piece is of an unknown kind";
	}
	return NULL;
}

static void piece_make(gpointer user_data, unsigned thread, unsigned index)
{
	struct pieces *pieces = user_data;
	struct piece *piece = &pieces->batch[index];

	if (piece->kind == RECODE_NONE)
		return;
	piece->made = largemem_new(piece->made_size);
	piece->why = recode_join_next((enum recode_kind)piece->kind, &piece->raw,
				      &pieces->spares[thread], piece->made,
				      (size_t)piece->made_size);
}

static const char *batch_put(struct pieces *pieces, struct placing *placing)
{
	const char *why = NULL;

	for (unsigned i = 0; i < pieces->count && why == NULL; i++) {
		const struct piece *piece = &pieces->batch[i];
		const uint8_t *bytes = piece->made != NULL ? piece->made : piece->raw.bytes;
		const uint64_t size_bytes = piece->made != NULL ? piece->made_size
								: piece->raw.size_bytes;

		why = piece->why;
		if (why == NULL && !placing_put(pieces->applying, placing, bytes, size_bytes))
			why = "a placement is wrong";
	}
	for (unsigned i = 0; i < pieces->count; i++)
		largemem_free(pieces->batch[i].made);
	return why;
}

static const char *pieces_make(struct pieces *pieces, struct placing *placing)
{
	while (pieces->left > 0) {
		const char *why = batch_read(pieces);

		if (why != NULL)
			return why;
		parallel_each_by(BATCH_THREADS, pieces->count, piece_make, pieces);
		why = batch_put(pieces, placing);
		if (why != NULL)
			return why;
	}
	return NULL;
}

const char *deltaframe_pieces_make(struct applying *applying)
{
	struct placing placing = {
		.reader = applying->columns[DELTAFORMAT_PLACEMENTS],
		.left = applying->placement_count,
		.size = applying->placement_count > 0 ? 0 : applying->blocks_size,
	};
	struct pieces pieces = { .applying = applying, .left = applying->piece_count };
	const char *why = pieces_make(&pieces, &placing);

	for (unsigned i = 0; i < BATCH_THREADS; i++)
		lazymatch_free(pieces.spares[i]);
	if (why != NULL)
		return why;
	/* Bytes behind the last piece are put as they are. */
	if (!placing_put(applying, &placing, applying->raw + pieces.raw_at,
			 applying->raw_size - pieces.raw_at))
		return "a placement is wrong";
	return placing.put_bytes == applying->blocks_size ? NULL
							  : "it does not make all of its blocks";
}

/* SPDX-License-Identifier: MIT */
/* How a frame becomes blocks; deltaformat.h has the bytes.
 *
 *   base -- ranges, transforms --> reference -- method --> raw stream -- pieces --> made stream
 *   -- placements --> blocks
 *
 * A reference is some ranges of the base, one after another; a compressed one (recode.h) is
 * expanded. All of them, one after another, are "the reference". The raw stream is coded against
 * it. A piece takes the next bytes of the raw stream; it leaves them as they are or compresses
 * them again, bit by bit as the maker of the image did. All of them, one after another, are the
 * made stream. A placement skips some bytes of that and puts the next ones somewhere in the
 * blocks; without any placement the made stream is the blocks.
 *
 * All numbers are walked where they stand, so that lists cost no memory but their own. */
#include <string.h>

#include "deltaframe_private.h"
#include "deltamix.h"
#include "failure.h"
#include "largemem.h"
#include "recode.h"

enum { SCRATCH = 1 << 16 };

static void applying_done(struct applying *applying)
{
	g_clear_pointer(&applying->lists, g_byte_array_unref);
	g_clear_pointer(&applying->corrections, g_byte_array_unref);
	g_clear_pointer(&applying->reference_bytes, largemem_free);
	g_clear_pointer(&applying->ranges, g_array_unref);
	g_clear_pointer(&applying->raw_owned, largemem_free);
	g_clear_error(&applying->error);
}

/* From here on: NULL, or why the frame cannot be applied. */

static const char *columns_open(struct applying *applying)
{
	struct varint_reader reader = { applying->lists->data, applying->lists->len, 0, FALSE };

	for (unsigned i = 0; i < DELTAFORMAT_COLUMN_COUNT; i++) {
		const uint64_t size = varint_read(&reader);

		if (reader.failed || size > reader.size_bytes - reader.position)
			return "its lists end early";
		applying->columns[i] = (struct varint_reader){
			.bytes = reader.bytes + reader.position,
			.size_bytes = (size_t)size,
		};
		reader.position += (size_t)size;
	}
	return NULL;
}

static const char *counts_read(struct applying *applying)
{
	struct varint_reader *counts = &applying->columns[DELTAFORMAT_COUNTS];

	applying->raw_size = (size_t)varint_read_limited(counts, DELTAFRAME_RAW_MAX);
	/* Each entry takes bytes in its column, so these bound the work. */
	applying->reference_count = varint_read_limited(counts, DELTAFRAME_LISTS_MAX);
	applying->piece_count = varint_read_limited(counts, DELTAFRAME_LISTS_MAX);
	applying->placement_count = varint_read_limited(counts, DELTAFRAME_LISTS_MAX);
	applying->operation_count = varint_read_limited(counts, DELTAFRAME_LISTS_MAX);
	if (counts->failed)
		return "a count is impossible";
	/* Only what is compressed again may be larger. */
	if (applying->piece_count == 0 && applying->raw_size > applying->blocks_size)
		return "it makes more than its blocks";
	return NULL;
}

static const char *streams_open(struct applying *applying)
{
	struct varint_reader reader = { applying->stored, applying->stored_size, 2, FALSE };
	struct pack_stream lists, corrections;

	if (applying->stored_size < 2 || applying->stored[0] != DELTAFORMAT ||
	    applying->stored[1] >= DELTAFORMAT_METHOD_COUNT)
		return "it is of an unknown kind";
	applying->method = (enum deltaformat_method)applying->stored[1];
	if (!pack_take(&reader, DELTAFRAME_LISTS_MAX, &lists) ||
	    !pack_take(&reader, DELTAFRAME_CORRECTIONS_MAX, &corrections))
		return "it ends early";
	applying->lists = pack_unpack(&lists);
	applying->corrections = pack_unpack(&corrections);
	if (applying->lists == NULL || applying->corrections == NULL)
		return "its lists cannot be unpacked";
	if (applying->method == DELTAFORMAT_DIFF &&
	    (!pack_take(&reader, DELTAFRAME_RAW_MAX, &applying->differences) ||
	     !pack_take(&reader, DELTAFRAME_RAW_MAX, &applying->extras)))
		return "it ends early";
	applying->stored += reader.position;
	applying->stored_size -= reader.position;
	return NULL;
}

/* Without pieces and placements the raw stream is the blocks. */
static gboolean is_direct(const struct applying *applying)
{
	return applying->piece_count == 0 && applying->placement_count == 0 &&
	       applying->raw_size == applying->blocks_size;
}

/* What the method takes beside its streams. Packers are open one after another. */
static size_t method_size(const struct applying *applying)
{
	if (applying->method == DELTAFORMAT_MIX)
		return DELTAMIX_MEMORY;
	if (applying->method == DELTAFORMAT_ZSTD)
		return 0;
	return MIN(PACK_MEMORY, MAX(applying->differences.size_bytes, applying->extras.size_bytes));
}

static const char *memory_reserve(struct applying *applying)
{
	const struct deltaframe_base *base = applying->base;
	size_t size_bytes = applying->stored_size + method_size(applying);

	if (!deltaframe_reads_late(applying))
		size_bytes += applying->reference.size_bytes;
	if (!is_direct(applying))
		size_bytes += applying->raw_size;
	if (base->reserve != NULL)
		base->reserve(base->user_data, size_bytes);
	return NULL;
}

static const char *lists_read(struct applying *applying)
{
	static const char *(*const STEPS[])(struct applying *) = {
		streams_open,   columns_open,
		counts_read,    deltaframe_references_measure,
		memory_reserve, deltaframe_references_take,
	};
	const char *why = NULL;

	for (unsigned i = 0; i < G_N_ELEMENTS(STEPS) && why == NULL; i++)
		why = STEPS[i](applying);
	return why;
}

/* Where an operation of DIFF acts. All of them are walked once for the differences and once for
 * the extra bytes, so that only one packer is open at a time. */
struct operation {
	uint64_t raw_at;
	uint64_t reference_at;
	uint64_t add, extra;
};

struct operation_walk {
	struct varint_reader adds, extras, seeks;
	struct operation next;
	uint64_t left;
};

static struct operation_walk operations_start(const struct applying *applying)
{
	return (struct operation_walk){
		.adds = applying->columns[DELTAFORMAT_ADDS],
		.extras = applying->columns[DELTAFORMAT_EXTRAS],
		.seeks = applying->columns[DELTAFORMAT_SEEKS],
		.left = applying->operation_count,
	};
}

/* FALSE at the end, and where an operation is outside of what it may touch: what comes behind is
 * then missing, and whoever walks finds the raw stream incomplete. */
static gboolean operations_next(const struct applying *applying, struct operation_walk *walk,
				struct operation *ret_operation)
{
	struct operation *next = &walk->next;

	if (walk->left == 0)
		return FALSE;
	walk->left--;
	next->raw_at += next->add + next->extra;
	next->reference_at += next->add;
	next->add = varint_read(&walk->adds);
	next->extra = varint_read(&walk->extras);
	next->reference_at += (uint64_t)varint_read_signed(&walk->seeks);
	if (walk->adds.failed || walk->extras.failed || walk->seeks.failed ||
	    next->add > applying->raw_size - next->raw_at ||
	    next->extra > applying->raw_size - next->raw_at - next->add ||
	    next->reference_at > applying->reference.size_bytes ||
	    next->add > applying->reference.size_bytes - next->reference_at) {
		walk->next = (struct operation){ 0 };
		walk->left = 0;
		return FALSE;
	}
	*ret_operation = *next;
	return TRUE;
}

static const char *operations_check(const struct applying *applying,
				    const struct operation_walk *walk)
{
	if (walk->next.raw_at + walk->next.add + walk->next.extra != applying->raw_size)
		return "its operations do not make the whole";
	return NULL;
}

static gboolean reference_add(struct applying *applying, uint64_t at, uint8_t *bytes,
			      size_t size_bytes)
{
	uint8_t scratch[SCRATCH];
	const uint8_t *from = deltaframe_reference_read(applying, at, scratch, size_bytes);

	for (size_t i = 0; from != NULL && i < size_bytes; i++)
		bytes[i] = (uint8_t)(bytes[i] + from[i]);
	return from != NULL;
}

static const char *differences_add(struct applying *applying, struct pack_reader *reader,
				   const struct operation *operation)
{
	uint8_t *to = applying->raw + operation->raw_at;

	if (!pack_reader_read(reader, to, (size_t)operation->add))
		return "its differences end early";
	for (uint64_t done = 0; done < operation->add; done += SCRATCH)
		if (!reference_add(applying, operation->reference_at + done, to + done,
				   MIN(SCRATCH, operation->add - done)))
			return "the base cannot be read";
	return NULL;
}

static const char *differences_apply(struct applying *applying)
{
	g_autoptr(PackReader) reader = pack_reader_new(&applying->differences);
	struct operation_walk walk = operations_start(applying);
	struct operation operation;
	const char *why = reader != NULL ? NULL : "its differences cannot be unpacked";

	while (why == NULL && operations_next(applying, &walk, &operation))
		why = differences_add(applying, reader, &operation);
	return why;
}

static const char *extras_apply(struct applying *applying)
{
	g_autoptr(PackReader) reader = pack_reader_new(&applying->extras);
	struct operation_walk walk = operations_start(applying);
	struct operation operation;

	if (reader == NULL)
		return "its extra bytes cannot be unpacked";
	while (operations_next(applying, &walk, &operation))
		if (!pack_reader_read(reader, applying->raw + operation.raw_at + operation.add,
				      (size_t)operation.extra))
			return "its extra bytes end early";
	return operations_check(applying, &walk);
}

static const char *mix_apply(struct applying *applying)
{
	g_autoptr(Deltamix) mix = deltamix_new(&applying->reference, applying->raw,
					       applying->stored, applying->stored_size);
	struct operation_walk walk = operations_start(applying);
	struct operation operation;

	while (operations_next(applying, &walk, &operation)) {
		deltamix_add(mix, operation.reference_at, operation.add);
		deltamix_extra(mix, operation.extra);
	}
	return operations_check(applying, &walk);
}

static const char *raw_make(struct applying *applying)
{
	const char *why;

	applying->raw_owned = is_direct(applying) ? NULL : largemem_new(applying->raw_size);
	applying->raw = is_direct(applying) ? applying->blocks : applying->raw_owned;
	switch (applying->method) {
	case DELTAFORMAT_ZSTD:
		return frame_decompress_from(&applying->reference, applying->stored,
					     applying->stored_size, applying->raw,
					     applying->raw_size);
	case DELTAFORMAT_DIFF:
		why = differences_apply(applying);
		return why != NULL ? why : extras_apply(applying);
	case DELTAFORMAT_MIX:
		return mix_apply(applying);
	case DELTAFORMAT_METHOD_COUNT:
		break;
	}
	return "it is of an unknown kind";
}

static const char *frame_apply(struct applying *applying)
{
	const char *why = lists_read(applying);

	if (why == NULL)
		why = raw_make(applying);
	if (why != NULL)
		return why;
	if (is_direct(applying))
		return NULL;
	g_clear_pointer(&applying->reference_bytes, largemem_free);
	memset(applying->blocks, 0, applying->blocks_size);
	return deltaframe_pieces_make(applying);
}

gboolean deltaframe_apply(const uint8_t *stored, size_t stored_size,
			  const struct deltaframe_base *base, uint8_t *ret_blocks,
			  size_t size_bytes, GError **error)
{
	struct applying applying = {
		.stored = stored,
		.stored_size = stored_size,
		.base = base,
		.blocks = ret_blocks,
		.blocks_size = size_bytes,
	};
	const char *why = frame_apply(&applying);

	if (applying.error != NULL)
		g_propagate_error(error, g_steal_pointer(&applying.error));
	else if (why != NULL)
		failure_set(error, FAULT_DELTA_FRAME, "the delta frame is wrong: %s", why);
	applying_done(&applying);
	return why == NULL;
}

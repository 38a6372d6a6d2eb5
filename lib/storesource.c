/* SPDX-License-Identifier: MIT */
#include "storesource.h"

#include <string.h>

#include "bundle.h"
#include "crc32c.h"
#include "failure.h"
#include "store.h"
#include "storeindex.h"
#include "storerepo.h"
#include "veritree.h"

enum {
	BLOCK = VERITREE_BLOCK_SIZE,
	HASH = VERITREE_HASH_SIZE,
	FRAME_BLOCKS = 16, /* what a plan can leave out: small, since a piece is read once anyway */
	PARTS_MAX = 1 + 3 * STOREINDEX_PAYLOADS,
};

/* A run of the made-up file: bytes at hand, or pieces with so many bytes to a block. */
struct part {
	uint64_t offset;
	uint64_t size_bytes;
	GBytes *bytes;        /* owned; NULL: pieces */
	const GArray *pieces; /* of the index */
	unsigned unit;        /* HASH or BLOCK */
};

struct storesource {
	struct source source;
	struct storerepo *repo;
	struct storeindex *index;
	struct part parts[PARTS_MAX]; /* one behind the other; the first is the head */
	unsigned part_count;
	const struct storeindex_piece *piece; /* the one read last ... */
	GBytes *piece_bytes;                  /* ... and what is in it */
};

/* Each part of the file goes behind the last one. */
static struct part *part_add(struct storesource *store, uint64_t size_bytes)
{
	struct part *part = &store->parts[store->part_count];
	const struct part *last = part - 1;

	part->offset = store->part_count == 0 ? 0 : last->offset + last->size_bytes;
	part->size_bytes = size_bytes;
	store->part_count++;
	return part;
}

static void pieces_add(struct storesource *store, const GArray *pieces, uint64_t blocks,
		       unsigned unit)
{
	struct part *part = part_add(store, blocks * unit);

	part->pieces = pieces;
	part->unit = unit;
}

/* Frames that are stored as they are, each as long as the blocks that it has. */
static GBytes *frames_index(uint64_t data_blocks)
{
	GByteArray *bytes = g_byte_array_new();
	uint8_t entry[FRAMEINDEX_ENTRY_SIZE];

	frameindex_head_encode(FRAME_BLOCKS, entry);
	g_byte_array_append(bytes, entry, FRAMEINDEX_HEAD_SIZE);
	for (uint64_t block = 0; block < data_blocks; block += FRAME_BLOCKS) {
		frameindex_entry_encode(FRAME_STORED,
					(uint32_t)MIN(FRAME_BLOCKS, data_blocks - block) * BLOCK,
					entry);
		g_byte_array_append(bytes, entry, sizeof entry);
	}
	return g_byte_array_free_to_bytes(bytes);
}

static uint32_t part_crc(const struct part *part)
{
	gsize size_bytes;
	const uint8_t *bytes;

	if (part->bytes == NULL)
		return 0;
	bytes = g_bytes_get_data(part->bytes, &size_bytes);
	return crc32c(bytes, size_bytes);
}

/* The parts' order is that of a bundle: leaf hashes, frame indexes, frames. */
static void parts_make(struct storesource *store)
{
	const struct storeindex_payload *payloads = store->index->payloads;

	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++)
		pieces_add(store, payloads[i].leaves, payloads[i].data_blocks, HASH);
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		GBytes *index = frames_index(payloads[i].data_blocks);

		part_add(store, g_bytes_get_size(index))->bytes = index;
	}
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++)
		pieces_add(store, payloads[i].data, payloads[i].data_blocks, BLOCK);
}

static GBytes *head_make(const struct storesource *store, const struct storerepo_entry *entry)
{
	static const enum bundle_kind KINDS[] = { BUNDLE_LEAVES, BUNDLE_INDEX, BUNDLE_FRAMES };
	struct bundle_section sections[PARTS_MAX - 1] = { 0 };
	const struct part *last = &store->parts[store->part_count - 1];
	uint8_t header[BUNDLE_HEADER_SIZE];
	GByteArray *bytes = g_byte_array_new();
	gsize manifest_size, signature_size;
	const uint8_t *manifest = g_bytes_get_data(entry->manifest, &manifest_size);
	const uint8_t *signature = g_bytes_get_data(entry->signature, &signature_size);

	for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++) {
		const struct part *part = &store->parts[i + 1];

		memcpy(sections[i].name, store->index->payloads[i % STOREINDEX_PAYLOADS].name,
		       BUNDLE_NAME_SIZE);
		sections[i].kind = KINDS[i / STOREINDEX_PAYLOADS];
		sections[i].crc = part_crc(part);
		sections[i].offset = part->offset;
		sections[i].size_bytes = part->size_bytes;
	}
	bundle_header_encode(sections, G_N_ELEMENTS(sections), (uint32_t)manifest_size,
			     (uint32_t)signature_size, last->offset + last->size_bytes, header);
	g_byte_array_append(bytes, header, sizeof header);
	g_byte_array_append(bytes, manifest, (guint)manifest_size);
	g_byte_array_append(bytes, signature, (guint)signature_size);
	return g_byte_array_free_to_bytes(bytes);
}

/* The bytes of a piece, as many as its blocks need. */
static const uint8_t *piece_load(struct storesource *store, const struct part *part,
				 const struct storeindex_piece *piece, GError **error)
{
	if (store->piece != piece) {
		store->piece = NULL;
		g_clear_pointer(&store->piece_bytes, g_bytes_unref);
		store->piece_bytes = storerepo_get(store->repo, piece->object, error);
		if (store->piece_bytes == NULL)
			return NULL;
		store->source.fetched_bytes += g_bytes_get_size(store->piece_bytes);
	}
	if (g_bytes_get_size(store->piece_bytes) != (gsize)piece->count * part->unit) {
		failure_set(error, FAULT_STORE_OBJECT,
			    "the store's piece of block %" G_GUINT64_FORMAT
			    " of %s has another size than its index says",
			    piece->first, store->source.name);
		return NULL;
	}
	store->piece = piece;
	return g_bytes_get_data(store->piece_bytes, NULL);
}

/* Up to `room` bytes from `at` of the part on; 0 with a failure. */
static size_t pieces_read(struct storesource *store, const struct part *part, uint64_t at,
			  uint8_t *bytes, size_t room, GError **error)
{
	const struct storeindex_piece *piece = storeindex_find(part->pieces, at / part->unit);
	const uint64_t start = piece != NULL ? piece->first * part->unit : 0;
	const uint64_t end = piece != NULL ? start + (uint64_t)piece->count * part->unit : 0;
	const uint8_t *found;
	size_t size = room;

	if (piece == NULL ||
	    at >= end) { /* zeros up to the end of the block, or of what is wanted */
		size = (size_t)MIN(room, part->unit - at % part->unit);
		memset(bytes, 0, size);
		return size;
	}
	found = piece_load(store, part, piece, error);
	if (found == NULL)
		return 0;
	size = (size_t)MIN(room, end - at);
	memcpy(bytes, found + (at - start), size);
	return size;
}

static const struct part *part_find(const struct storesource *store, uint64_t offset)
{
	for (unsigned i = 0; i < store->part_count; i++) {
		const struct part *part = &store->parts[i];

		if (offset >= part->offset && offset - part->offset < part->size_bytes)
			return part;
	}
	return NULL;
}

static size_t part_read(struct storesource *store, const struct part *part, uint64_t at,
			uint8_t *bytes, size_t room, GError **error)
{
	const size_t size = (size_t)MIN(room, part->size_bytes - at);

	if (part->bytes == NULL)
		return pieces_read(store, part, at, bytes, size, error);
	memcpy(bytes, (const uint8_t *)g_bytes_get_data(part->bytes, NULL) + at, size);
	return size;
}

static gboolean store_read(struct source *source, uint64_t offset, uint8_t *bytes,
			   size_t size_bytes, GError **error)
{
	struct storesource *store = (struct storesource *)source;
	size_t done = 0;

	if (g_cancellable_is_cancelled(source->cancellable))
		return failure_set(error, FAULT_CONVERGE_CANCELLED, "the job was cancelled");
	while (done < size_bytes) {
		const struct part *part = part_find(store, offset + done);
		size_t got;

		if (part == NULL)
			return failure_set(error, FAULT_BUNDLE_TRUNCATED,
					   "the stored release ends at byte %" G_GUINT64_FORMAT,
					   offset + done);
		got = part_read(store, part, offset + done - part->offset, bytes + done,
				size_bytes - done, error);
		if (got == 0)
			return FALSE;
		done += got;
	}
	return TRUE;
}

static void store_close(struct source *source)
{
	struct storesource *store = (struct storesource *)source;

	for (unsigned i = 0; i < store->part_count; i++)
		g_clear_pointer(&store->parts[i].bytes, g_bytes_unref);
	g_clear_pointer(&store->piece_bytes, g_bytes_unref);
	storeindex_free(store->index);
	storerepo_free(store->repo);
	g_free(store);
}

static gboolean sizes_check(const struct storerepo_entry *entry, GError **error)
{
	return (g_bytes_get_size(entry->manifest) <= MANIFEST_SIZE_MAX &&
		g_bytes_get_size(entry->signature) <= BUNDLE_SIGNATURE_MAX) ||
	       failure_set(error, FAULT_STORE_INDEX,
			   "a stored manifest or signature is larger than one can be");
}

static struct source *source_make(struct storerepo *repo, const struct storerepo_entry *entry,
				  struct storeindex *index)
{
	static const struct source_ops OPS = { .read = store_read, .close = store_close };
	struct storesource *store = g_new0(struct storesource, 1);
	const struct part *last;

	store->repo = repo;
	store->index = index;
	store->source.ops = &OPS;
	part_add(store, BUNDLE_HEADER_SIZE + g_bytes_get_size(entry->manifest) +
				g_bytes_get_size(entry->signature));
	parts_make(store);
	store->parts[0].bytes = head_make(store, entry);
	last = &store->parts[store->part_count - 1];
	store->source.total_bytes = last->offset + last->size_bytes;
	return &store->source;
}

struct source *storesource_open(const char *path, const char *version, GCancellable *cancellable,
				GError **error)
{
	g_autoptr(Storerepo) repo = storerepo_open(path, FALSE, cancellable, error);
	g_autofree char *name = store_name(version);
	g_autoptr(StorerepoEntry) entry = NULL;
	g_autoptr(Storeindex) index = NULL;
	struct source *source;

	if (repo == NULL)
		return NULL;
	entry = storerepo_read(repo, name, error);
	if (entry == NULL || !sizes_check(entry, error))
		return NULL;
	index = storeindex_decode(g_bytes_get_data(entry->index, NULL),
				  g_bytes_get_size(entry->index), error);
	if (index == NULL)
		return NULL;
	source = source_make(g_steal_pointer(&repo), entry, g_steal_pointer(&index));
	source->name = g_strdup(version);
	source->cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	return source;
}

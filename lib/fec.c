/* SPDX-License-Identifier: MIT */
/* Rounds next to each other have their blocks next to each other, so many are encoded at once:
 * the image is read in long runs, each of which is one row of all their codewords. */
#include "fec.h"

#include <string.h>

#include "blockhash.h"
#include "failure.h"
#include "reedsolomon.h"
#include "veritybuild.h"

enum {
	BLOCK = VERITREE_BLOCK_SIZE,
	BATCH_ROUNDS_MAX = 256,
	BATCH_PARITY_BLOCKS_MAX = 512, /* more would not stay in the cache */
	VERIFY_BLOCKS = 256,
};
_Static_assert((int)REEDSOLOMON_ROOTS_MAX == (int)FECLAYOUT_ROOTS_MAX, "as many roots");

/* The root of a tree over blocks that come one after the other. */
struct digest {
	struct veritree tree;
	struct veritybuild build;
	CryptoHasher *hasher;
	BlockHash *many;
	uint8_t hashes[BATCH_PARITY_BLOCKS_MAX * VERITREE_HASH_SIZE];
};
typedef struct digest Digest; /* for g_autoptr() only */

static void digest_free(struct digest *digest)
{
	if (digest == NULL)
		return;
	crypto_hasher_free(digest->hasher);
	blockhash_free(digest->many);
	g_free(digest);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Digest, digest_free)

static struct digest *digest_new(const struct feclayout *layout)
{
	struct digest *digest = g_new0(struct digest, 1);
	const fault why = veritree_init(layout->blocks, &digest->tree);

	/* A tenth of the largest image has fewer blocks than an image may have. */
	g_assert(why == FAULT_OK);
	digest->hasher = crypto_hasher_new(NULL, 0);
	digest->many = blockhash_new(NULL, 0);
	veritybuild_init(&digest->build, &digest->tree, digest->hasher, NULL, NULL);
	return digest;
}

/* Up to BATCH_PARITY_BLOCKS_MAX. */
static void digest_add(struct digest *digest, const uint8_t *bytes, size_t count)
{
	blockhash_many(digest->many, bytes, count, digest->hashes);
	for (size_t i = 0; i < count; i++)
		(void)veritybuild_add(&digest->build, digest->hashes + i * VERITREE_HASH_SIZE,
				      NULL); /* without a sink it cannot fail */
}

/* What encoding one batch of rounds needs. */
struct batch {
	size_t rounds_max;
	ReedSolomon *code;
	uint8_t *row;    /* rounds_max blocks, aligned for O_DIRECT */
	uint8_t *parity; /* of rounds_max rounds, likewise */
};
typedef struct batch Batch; /* for g_autoptr() only */

static void batch_free(struct batch *batch)
{
	if (batch == NULL)
		return;
	reedsolomon_free(batch->code);
	g_aligned_free(batch->row);
	g_aligned_free(batch->parity);
	g_free(batch);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Batch, batch_free)

static struct batch *batch_new(const struct feclayout *layout)
{
	struct batch *batch = g_new0(struct batch, 1);
	const size_t rounds_max = MIN(BATCH_ROUNDS_MAX, BATCH_PARITY_BLOCKS_MAX / layout->roots);

	batch->rounds_max = (size_t)MIN(rounds_max, layout->rounds);
	batch->code = reedsolomon_new(layout->roots, batch->rounds_max * BLOCK);
	batch->row = g_aligned_alloc(batch->rounds_max, BLOCK, BLOCK);
	batch->parity = g_aligned_alloc(batch->rounds_max * layout->roots, BLOCK, BLOCK);
	return batch;
}

/* Covered blocks `first` to `first + count`; what lies behind the last one is zeros. */
static gboolean row_read(const struct fec_encode *encode, uint64_t first, uint8_t *row,
			 size_t count, GError **error)
{
	while (count > 0) {
		uint64_t block = 0;
		const size_t run = (size_t)feclayout_run(encode->layout, first, count, &block);

		if (run == 0)
			break;
		if (!encode->read(encode->user_data, block, row, run, error))
			return FALSE;
		first += run;
		row += run * BLOCK;
		count -= run;
	}
	memset(row, 0, count * BLOCK);
	return TRUE;
}

static gboolean batch_encode(const struct fec_encode *encode, struct batch *batch, uint64_t round,
			     size_t rounds, GError **error)
{
	const struct feclayout *layout = encode->layout;

	reedsolomon_begin(batch->code, rounds * BLOCK);
	for (unsigned i = 0; i < FECLAYOUT_CODEWORD - layout->roots; i++) {
		if (g_cancellable_is_cancelled(encode->cancellable))
			return failure_set(error, FAULT_CONVERGE_CANCELLED,
					   "cancelled while the FEC parity was made");
		if (!row_read(encode, round + i * layout->rounds, batch->row, rounds, error))
			return FALSE;
		reedsolomon_add(batch->code, batch->row);
	}
	reedsolomon_parity(batch->code, batch->parity);
	return TRUE;
}

gboolean fec_encode(const struct fec_encode *encode,
		    uint8_t ret_root_hash[static VERITREE_HASH_SIZE], GError **error)
{
	const struct feclayout *layout = encode->layout;
	g_autoptr(Batch) batch = batch_new(layout);
	g_autoptr(Digest) digest = digest_new(layout);

	for (uint64_t round = 0; round < layout->rounds; round += batch->rounds_max) {
		const size_t rounds = (size_t)MIN(batch->rounds_max, layout->rounds - round);
		const size_t blocks = rounds * layout->roots;

		if (!batch_encode(encode, batch, round, rounds, error))
			return FALSE;
		digest_add(digest, batch->parity, blocks);
		if (!encode->sink(encode->user_data, batch->parity, blocks * BLOCK, error))
			return FALSE;
	}
	memcpy(ret_root_hash, digest->build.root, VERITREE_HASH_SIZE);
	return TRUE;
}

gboolean fec_place_init(struct fec_place *place, struct disk *disk,
			const struct manifest_image *image, GError **error)
{
	struct veritree tree;
	fault why = veritree_init(image->superblock.data_blocks, &tree);

	memset(place, 0, sizeof *place);
	place->disk = disk;
	place->image = image;
	if (why == FAULT_OK)
		why = feclayout_init(&tree, image->fec.roots, &place->layout);
	if (why != FAULT_OK)
		return failure_set(error, why, "the image for %s cannot have FEC parity",
				   disk->name);
	if (place->layout.total_blocks > disk->size_bytes / BLOCK)
		return failure_set(error, FAULT_PART_SMALL,
				   "%s has %" G_GUINT64_FORMAT
				   " bytes, image, tree and FEC parity need %" G_GUINT64_FORMAT,
				   disk->name, disk->size_bytes,
				   place->layout.total_blocks * BLOCK);
	return TRUE;
}

static gboolean parity_check(const struct fec_place *place, const uint8_t *root_hash,
			     const char *what, GError **error)
{
	if (memcmp(root_hash, place->image->fec.root_hash, VERITREE_HASH_SIZE) == 0)
		return TRUE;
	return failure_set(error, FAULT_FEC_PARITY, "the FEC parity %s %s is not the signed one",
			   what, place->disk->name);
}

gboolean fec_verify(const struct fec_place *place, GError **error)
{
	const struct feclayout *layout = &place->layout;
	g_autoptr(Digest) digest = digest_new(layout);
	uint8_t *bytes = g_aligned_alloc(VERIFY_BLOCKS, BLOCK, BLOCK);
	gboolean done = TRUE;

	for (uint64_t at = 0; done && at < layout->blocks; at += VERIFY_BLOCKS) {
		const size_t count = (size_t)MIN(VERIFY_BLOCKS, layout->blocks - at);

		done = disk_read_medium(place->disk, (layout->start + at) * BLOCK, bytes,
					count * BLOCK, error);
		if (done)
			digest_add(digest, bytes, count);
	}
	g_aligned_free(bytes);
	return done && parity_check(place, digest->build.root, "on", error);
}

/* Where the next parity goes. */
struct writer {
	struct fec_place *place;
	uint64_t offset; /* bytes */
};

static gboolean slot_read(gpointer user_data, uint64_t block, uint8_t *ret_bytes, size_t count,
			  GError **error)
{
	const struct writer *writer = user_data;

	return disk_read_medium(writer->place->disk, block * BLOCK, ret_bytes, count * BLOCK,
				error);
}

static gboolean slot_write(gpointer user_data, const uint8_t *bytes, size_t size_bytes,
			   GError **error)
{
	struct writer *writer = user_data;

	if (!disk_write(writer->place->disk, writer->offset, bytes, size_bytes, error))
		return FALSE;
	writer->offset += size_bytes;
	writer->place->written_bytes += size_bytes;
	return TRUE;
}

gboolean fec_write(struct fec_place *place, GError **error)
{
	struct writer writer = { place, place->layout.start * BLOCK };
	const struct fec_encode encode = {
		.layout = &place->layout,
		.read = slot_read,
		.sink = slot_write,
		.user_data = &writer,
		.cancellable = place->cancellable,
	};
	uint8_t root_hash[VERITREE_HASH_SIZE];

	/* What cannot be read is not right either. */
	if (fec_verify(place, NULL))
		return TRUE;
	return fec_encode(&encode, root_hash, error) &&
	       parity_check(place, root_hash, "made of the image on", error) &&
	       disk_flush(place->disk, error) && fec_verify(place, error);
}

/* SPDX-License-Identifier: MIT */
#include "fecmeasure.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "blockhash.h"
#include "failure.h"
#include "fec.h"
#include "veritybuild.h"

enum { BLOCK = VERITREE_BLOCK_SIZE, RUN_BLOCKS = 256 };

struct measure {
	const char *path;
	const struct manifest_image *image;
	int fd;
	struct veritree tree;
	uint8_t *hashes; /* the tree's blocks, from the one behind the superblock on */
};

static uint8_t *tree_block(const struct measure *measure, uint64_t block)
{
	return measure->hashes + (block - measure->tree.superblock - 1) * BLOCK;
}

/* The image's last block is filled up with zeros, wherever the file ends. */
static gboolean data_read(const struct measure *measure, uint64_t block, uint8_t *ret_bytes,
			  size_t count, GError **error)
{
	const uint64_t start = block * BLOCK;
	const size_t wanted = (size_t)MIN(count * BLOCK, measure->image->size_bytes - start);
	size_t done = 0;

	while (done < wanted) {
		const ssize_t got = pread(measure->fd, ret_bytes + done, wanted - done,
					  (off_t)(start + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return failure_set(error, FAULT_BUILD_INPUT,
					   "cannot read %s at %" G_GUINT64_FORMAT ": %s",
					   measure->path, start + done,
					   got == 0 ? "it ends there" : g_strerror(errno));
		done += (size_t)got;
	}
	memset(ret_bytes + wanted, 0, count * BLOCK - wanted);
	return TRUE;
}

static gboolean slot_read(gpointer user_data, uint64_t block, uint8_t *ret_bytes, size_t count,
			  GError **error)
{
	const struct measure *measure = user_data;

	if (block < measure->tree.data_blocks)
		return data_read(measure, block, ret_bytes, count, error);
	memcpy(ret_bytes, tree_block(measure, block), count * BLOCK);
	return TRUE;
}

static gboolean parity_drop(gpointer user_data, const uint8_t *bytes, size_t size_bytes,
			    GError **error)
{
	return TRUE;
}

static gboolean tree_keep(gpointer user_data, uint64_t block, const uint8_t *bytes, GError **error)
{
	memcpy(tree_block(user_data, block), bytes, BLOCK);
	return TRUE;
}

static gboolean tree_make(struct measure *measure, GError **error)
{
	const struct veritree_superblock *superblock = &measure->image->superblock;
	g_autoptr(CryptoHasher) one = crypto_hasher_new(superblock->salt, superblock->salt_size);
	g_autoptr(BlockHash) many = blockhash_new(superblock->salt, superblock->salt_size);
	g_autofree uint8_t *bytes = g_malloc(RUN_BLOCKS * BLOCK);
	uint8_t hashes[RUN_BLOCKS * VERITREE_HASH_SIZE];
	struct veritybuild build;

	veritybuild_init(&build, &measure->tree, one, tree_keep, measure);
	for (uint64_t first = 0; first < measure->tree.data_blocks; first += RUN_BLOCKS) {
		const size_t count = (size_t)MIN(RUN_BLOCKS, measure->tree.data_blocks - first);

		if (!data_read(measure, first, bytes, count, error))
			return FALSE;
		blockhash_many(many, bytes, count, hashes);
		for (size_t i = 0; i < count; i++)
			(void)veritybuild_add(&build, hashes + i * VERITREE_HASH_SIZE,
					      NULL); /* this sink cannot fail */
	}
	if (memcmp(build.root, measure->image->root_hash, VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_BUILD_INPUT, "%s changed while it was read",
				   measure->path);
	return TRUE;
}

static gboolean parity_measure(struct measure *measure, unsigned roots,
			       struct manifest_fec *ret_fec, GError **error)
{
	struct feclayout layout;
	const struct fec_encode encode = {
		.layout = &layout,
		.read = slot_read,
		.sink = parity_drop,
		.user_data = measure,
	};
	fault why = veritree_init(measure->image->superblock.data_blocks, &measure->tree);

	if (why == FAULT_OK)
		why = feclayout_init(&measure->tree, roots, &layout);
	if (why != FAULT_OK)
		return failure_set(error, why, "%s cannot have FEC parity of %u roots",
				   measure->path, roots);
	measure->hashes = g_malloc((size_t)(measure->tree.total_blocks - measure->tree.superblock) *
				   BLOCK);
	if (!tree_make(measure, error) || !fec_encode(&encode, ret_fec->root_hash, error))
		return FALSE;
	ret_fec->roots = roots;
	return TRUE;
}

gboolean fecmeasure_file(const char *path, struct manifest_image *image, unsigned roots,
			 GError **error)
{
	struct measure measure = { .path = path, .image = image };
	gboolean done;

	measure.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (measure.fd < 0)
		return failure_set(error, FAULT_BUILD_INPUT, "cannot open %s: %s", path,
				   g_strerror(errno));
	done = parity_measure(&measure, roots, &image->fec, error);
	(void)close(measure.fd); /* it was only read */
	g_free(measure.hashes);
	return done;
}

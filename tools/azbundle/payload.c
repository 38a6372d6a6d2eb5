/* SPDX-License-Identifier: MIT */
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bundlewrite.h"
#include "crypto.h"
#include "failure.h"
#include "frame.h"
#include "veritybuild.h"

enum { BLOCK = VERITREE_BLOCK_SIZE, COPY_CHUNK = 1 << 20 };

struct source *payload_source(const char *path, GError **error)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct source *source;

	if (fd < 0) {
		failure_set(error, FAULT_BUNDLE_READ, "cannot open %s: %s", path,
			    g_strerror(errno));
		return NULL;
	}
	source = source_open_fd(fd, NULL, error);
	(void)close(fd); /* the source has its own */
	return source;
}

const struct manifest_image *payload_image(const struct bundle *bundle, const char *name)
{
	return strcmp(name, "uki") == 0 ? &bundle->manifest->uki : &bundle->manifest->root;
}

static gboolean payload_leaves(const struct bundle *bundle, const char *name,
			       const struct manifest_image *image, struct crypto_hasher *hasher,
			       uint8_t **ret_leaves, GError **error)
{
	const struct bundle_section *section = bundle_find(bundle, name, BUNDLE_LEAVES);
	const uint64_t blocks = image->superblock.data_blocks;
	struct veritybuild build;
	struct veritree tree;

	if (section == NULL)
		return failure_set(error, FAULT_BUNDLE_MISSING,
				   "the bundle has no full payload %s: it is a delta", name);
	if (section->size_bytes != blocks * VERITREE_HASH_SIZE ||
	    veritree_init(blocks, &tree) != FAULT_OK)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the leaf hashes of %s are too few or many", name);
	*ret_leaves = g_malloc((size_t)section->size_bytes);
	if (!source_read(bundle->source, section->offset, *ret_leaves, (size_t)section->size_bytes,
			 error))
		return FALSE;
	veritybuild_init(&build, &tree, hasher, NULL, NULL);
	for (uint64_t i = 0; i < blocks; i++)
		(void)veritybuild_add(&build, *ret_leaves + i * VERITREE_HASH_SIZE,
				      NULL); /* no sink */
	if (memcmp(build.root, image->root_hash, VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the leaf hashes of %s do not give its signed root hash", name);
	return TRUE;
}

/* A wrong one would cost devices the download, and not be noticed by those that read all. */
static gboolean payload_parents(const struct bundle *bundle, const char *name,
				struct crypto_hasher *hasher, const uint8_t *leaves, GError **error)
{
	const struct bundle_section *section = bundle_find(bundle, name, BUNDLE_PARENTS);
	const uint64_t blocks = payload_image(bundle, name)->superblock.data_blocks;
	g_autoptr(GByteArray) wanted = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (section == NULL)
		return TRUE;
	wanted = veritybuild_parents(hasher, leaves, (size_t)blocks * VERITREE_HASH_SIZE);
	bytes = bundle_section_read(bundle, section, error);
	if (bytes == NULL)
		return FALSE;
	if (g_bytes_get_size(bytes) != wanted->len ||
	    memcmp(g_bytes_get_data(bytes, NULL), wanted->data, wanted->len) != 0)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the parent hashes of %s are not those of its leaf hashes",
				   name);
	return TRUE;
}

struct payload {
	const char *name;
	const struct manifest_image *image;
	struct crypto_hasher *hasher;
	uint8_t *leaves;
	FILE *to; /* or NULL */
};

static gboolean block_check(const struct payload *payload, const uint8_t *bytes, uint64_t block,
			    GError **error)
{
	uint8_t hash[VERITREE_HASH_SIZE];

	crypto_hash(payload->hasher, bytes, BLOCK, hash);
	if (memcmp(hash, payload->leaves + block * VERITREE_HASH_SIZE, sizeof hash) != 0)
		return failure_set(error, FAULT_BUNDLE_BLOCK,
				   "block %" G_GUINT64_FORMAT
				   " of %s does not have its signed hash",
				   block, payload->name);
	return TRUE;
}

static gboolean frame_check(const struct bundle *bundle, struct frame_decoder *decoder,
			    const struct frame_entry *entry, const struct payload *payload,
			    GError **error)
{
	const struct bundle_section *frames = bundle_find(bundle, payload->name, BUNDLE_FRAMES);
	g_autofree uint8_t *stored = g_malloc(entry->stored_size);
	g_autofree uint8_t *bytes = g_malloc((size_t)entry->block_count * BLOCK);
	const char *why;

	if (!source_read(bundle->source, frames->offset + entry->offset, stored, entry->stored_size,
			 error))
		return FALSE;
	why = frame_decode(decoder, entry, stored, bytes);
	if (why != NULL)
		return failure_set(error, FAULT_BUNDLE_FRAME,
				   "the frame of block %" G_GUINT64_FORMAT " of %s: %s",
				   entry->first_block, payload->name, why);
	for (uint32_t i = 0; i < entry->block_count; i++)
		if (!block_check(payload, bytes + (size_t)i * BLOCK, entry->first_block + i, error))
			return FALSE;
	if (payload->to != NULL &&
	    fwrite(bytes, BLOCK, entry->block_count, payload->to) != entry->block_count)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot write a temporary file: %s",
				   g_strerror(errno));
	return TRUE;
}

static gboolean payload_frames(const struct bundle *bundle, const struct payload *payload,
			       GError **error)
{
	g_autoptr(Frameindex) index = NULL;
	g_autoptr(FrameDecoder) decoder = NULL;
	g_autoptr(GBytes) dictionary = NULL;
	struct frame_entry entry = { 0 };

	if (!bundle_dictionary_read(bundle, payload->name, &dictionary, error))
		return FALSE;
	index = bundle_index_read(bundle, payload->name, payload->image->superblock.data_blocks,
				  error);
	if (index == NULL)
		return FALSE;
	decoder = frame_decoder_new(dictionary);
	while (frameindex_next(index, &entry))
		if (!frame_check(bundle, decoder, &entry, payload, error))
			return FALSE;
	return TRUE;
}

gboolean payload_walk(const struct bundle *bundle, const char *name, FILE *to, GError **error)
{
	const struct manifest_image *image = payload_image(bundle, name);
	g_autoptr(CryptoHasher)
		hasher = crypto_hasher_new(image->superblock.salt, image->superblock.salt_size);
	g_autofree uint8_t *leaves = NULL;

	if (!payload_leaves(bundle, name, image, hasher, &leaves, error) ||
	    !payload_parents(bundle, name, hasher, leaves, error))
		return FALSE;
	return payload_frames(bundle, &(struct payload){ name, image, hasher, leaves, to }, error);
}

static gboolean section_copy(const struct bundle *bundle, const struct bundle_section *section,
			     FILE *to, GError **error)
{
	g_autofree uint8_t *chunk = g_malloc(COPY_CHUNK);

	for (uint64_t done = 0; done < section->size_bytes;) {
		const size_t size = (size_t)MIN(COPY_CHUNK, section->size_bytes - done);

		if (!source_read(bundle->source, section->offset + done, chunk, size, error))
			return FALSE;
		if (fwrite(chunk, 1, size, to) != size)
			return failure_set(error, FAULT_BUILD_OUTPUT,
					   "cannot write a temporary file: %s", g_strerror(errno));
		done += size;
	}
	return TRUE;
}

gboolean payload_section_add(const struct bundle *bundle, const struct bundle_section *section,
			     GPtrArray *parts, GError **error)
{
	FILE *file = tmpfile();

	if (file == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make a temporary file: %s",
				   g_strerror(errno));
	if (!section_copy(bundle, section, file, error)) {
		(void)fclose(file); /* of no use any more */
		return FALSE;
	}
	bundlewrite_part_add(parts, section, NULL, file);
	return TRUE;
}

/* SPDX-License-Identifier: MIT */
#include "bundlewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "bytes.h"
#include "crc32c.h"
#include "crypto.h"
#include "failure.h"
#include "frame.h"
#include "veritybuild.h"

enum { BLOCK = VERITREE_BLOCK_SIZE, FRAME_SIZE = BUNDLE_FRAME_BLOCKS_MAX * BLOCK };

typedef FILE File; /* for g_autoptr() only */
static void file_close(FILE *file)
{
	(void)fclose(file); /* what was written is flushed and checked before */
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(File, file_close)

static FILE *input_open(const char *path, GError **error)
{
	FILE *file = fopen(path, "rbe");

	if (file == NULL)
		failure_set(error, FAULT_BUILD_INPUT, "cannot open %s: %s", path,
			    g_strerror(errno));
	return file;
}

/* Reads up to a frame, padded with zeros to whole blocks; 0 at the end. */
static size_t blocks_read(FILE *file, uint8_t *bytes, size_t *ret_size)
{
	const size_t size_bytes = fread(bytes, 1, FRAME_SIZE, file);
	const size_t blocks = (size_bytes + BLOCK - 1) / BLOCK;

	memset(bytes + size_bytes, 0, blocks * BLOCK - size_bytes);
	*ret_size = size_bytes;
	return blocks;
}

gboolean bundlewrite_measure(const struct bundlewrite_image *image, GError **error)
{
	struct manifest_image *found = image->image;
	g_autoptr(File) file = input_open(image->path, error);
	g_autoptr(CryptoHasher)
		hasher = crypto_hasher_new(found->superblock.salt, found->superblock.salt_size);
	g_autofree uint8_t *bytes = g_malloc(FRAME_SIZE);
	struct veritybuild build;
	struct veritree tree;
	fault why;
	size_t size;

	if (file == NULL)
		return FALSE;
	if (fseeko(file, 0, SEEK_END) < 0 || ftello(file) < 0)
		return failure_set(error, FAULT_BUILD_INPUT, "%s is no plain file", image->path);
	found->size_bytes = (uint64_t)ftello(file);
	rewind(file);
	found->superblock.data_blocks = (found->size_bytes + BLOCK - 1) / BLOCK;
	why = veritree_init(found->superblock.data_blocks, &tree);
	if (why != FAULT_OK)
		return failure_set(error, why, "%s has %" G_GUINT64_FORMAT " bytes", image->path,
				   found->size_bytes);
	veritybuild_init(&build, &tree, hasher, NULL, NULL);
	for (size_t blocks; (blocks = blocks_read(file, bytes, &size)) > 0;)
		for (size_t i = 0; i < blocks; i++) {
			uint8_t hash[VERITREE_HASH_SIZE];

			crypto_hash(hasher, bytes + i * BLOCK, BLOCK, hash);
			(void)veritybuild_add(&build, hash,
					      NULL); /* without a sink it cannot fail */
		}
	if (ferror(file))
		return failure_set(error, FAULT_BUILD_INPUT, "cannot read %s", image->path);
	memcpy(found->root_hash, build.root, sizeof build.root);
	return TRUE;
}

/* What one payload becomes: leaf hashes and index in memory, frames in a nameless file. */
struct pack {
	GByteArray *leaves;
	GByteArray *index;
	FILE *frames;
	uint64_t frames_size;
	uint64_t next_block;
	struct crypto_hasher *hasher;
	uint8_t *stored;
	int level;
};

static void pack_done(struct pack *pack)
{
	g_clear_pointer(&pack->leaves, g_byte_array_unref);
	g_clear_pointer(&pack->index, g_byte_array_unref);
	g_clear_pointer(&pack->frames, file_close);
	g_clear_pointer(&pack->hasher, crypto_hasher_free);
	g_clear_pointer(&pack->stored, g_free);
}

/* Zeros need no frame: the device knows the hash of a block of zeros. */
static gboolean pack_frame(struct pack *pack, const uint8_t *bytes, size_t blocks)
{
	const size_t size = blocks * BLOCK;
	struct bundle_frame frame = {
		.first_block = pack->next_block,
		.block_count = (uint32_t)blocks,
		.encoding = BUNDLE_ZSTD,
		.offset = pack->frames_size,
	};
	uint8_t entry[BUNDLE_FRAME_ENTRY_SIZE];
	const uint8_t *stored = pack->stored;

	if (bytes_are_zero(bytes, size))
		return TRUE;
	frame.stored_size = (uint32_t)frame_compress(bytes, size, pack->level, pack->stored,
						     frame_bound(FRAME_SIZE));
	if (frame.stored_size >= size) {
		frame.encoding = BUNDLE_STORED;
		frame.stored_size = (uint32_t)size;
		stored = bytes;
	}
	frame.crc = crc32c(stored, frame.stored_size);
	bundle_frame_encode(&frame, entry);
	g_byte_array_append(pack->index, entry, sizeof entry);
	pack->frames_size += frame.stored_size;
	return fwrite(stored, 1, frame.stored_size, pack->frames) == frame.stored_size;
}

static gboolean pack_image(struct pack *pack, const struct bundlewrite_image *image, int level,
			   GError **error)
{
	const struct veritree_superblock *superblock = &image->image->superblock;
	g_autoptr(File) file = input_open(image->path, error);
	g_autofree uint8_t *bytes = g_malloc(FRAME_SIZE);
	size_t size;

	if (file == NULL)
		return FALSE;
	pack->leaves = g_byte_array_new();
	pack->index = g_byte_array_new();
	pack->frames = tmpfile();
	pack->hasher = crypto_hasher_new(superblock->salt, superblock->salt_size);
	pack->stored = g_malloc(frame_bound(FRAME_SIZE));
	pack->level = level;
	if (pack->frames == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make a temporary file: %s",
				   g_strerror(errno));
	for (size_t blocks; (blocks = blocks_read(file, bytes, &size)) > 0;) {
		for (size_t i = 0; i < blocks; i++) {
			uint8_t hash[VERITREE_HASH_SIZE];

			crypto_hash(pack->hasher, bytes + i * BLOCK, BLOCK, hash);
			g_byte_array_append(pack->leaves, hash, sizeof hash);
		}
		if (!pack_frame(pack, bytes, blocks))
			return failure_set(error, FAULT_BUILD_OUTPUT,
					   "cannot write a temporary file: %s", g_strerror(errno));
		pack->next_block += blocks;
	}
	return TRUE;
}

static void section_set(struct bundle_section *section, const char *name, enum bundle_kind kind,
			const GByteArray *bytes, uint64_t size_bytes, uint64_t *offset)
{
	g_strlcpy(section->name, name, sizeof section->name);
	section->kind = kind;
	section->crc = bytes != NULL ? crc32c(bytes->data, bytes->len) : 0;
	section->offset = *offset;
	section->size_bytes = bytes != NULL ? bytes->len : size_bytes;
	*offset += section->size_bytes;
}

static gboolean frames_copy(FILE *to, FILE *from)
{
	uint8_t bytes[65536];
	size_t size;

	rewind(from);
	while ((size = fread(bytes, 1, sizeof bytes, from)) > 0)
		if (fwrite(bytes, 1, size, to) != size)
			return FALSE;
	return !ferror(from);
}

static gboolean file_write(FILE *to, const uint8_t *header, GBytes *manifest, GBytes *signature,
			   const struct pack *packs, unsigned count)
{
	gboolean done = fwrite(header, 1, BUNDLE_HEADER_SIZE, to) == BUNDLE_HEADER_SIZE;

	done = done && fwrite(g_bytes_get_data(manifest, NULL), 1, g_bytes_get_size(manifest),
			      to) == g_bytes_get_size(manifest);
	done = done && fwrite(g_bytes_get_data(signature, NULL), 1, g_bytes_get_size(signature),
			      to) == g_bytes_get_size(signature);
	for (unsigned i = 0; done && i < count; i++)
		done = fwrite(packs[i].leaves->data, 1, packs[i].leaves->len, to) ==
		       packs[i].leaves->len;
	for (unsigned i = 0; done && i < count; i++)
		done = fwrite(packs[i].index->data, 1, packs[i].index->len, to) ==
		       packs[i].index->len;
	for (unsigned i = 0; done && i < count; i++)
		done = frames_copy(to, packs[i].frames);
	return done && fflush(to) == 0 && fsync(fileno(to)) == 0;
}

static gboolean bundle_assemble(const char *output, GBytes *manifest, GBytes *signature,
				const struct bundlewrite_image *images, const struct pack *packs,
				unsigned count, GError **error)
{
	struct bundle_section sections[BUNDLE_SECTIONS_MAX] = { 0 };
	uint64_t offset = BUNDLE_HEADER_SIZE + g_bytes_get_size(manifest) +
			  g_bytes_get_size(signature);
	g_autofree char *temporary = g_strconcat(output, ".part", NULL);
	g_autoptr(File) file = fopen(temporary, "wbe");
	uint8_t header[BUNDLE_HEADER_SIZE];

	for (unsigned i = 0; i < count; i++)
		section_set(&sections[i], images[i].name, BUNDLE_LEAVES, packs[i].leaves, 0,
			    &offset);
	for (unsigned i = 0; i < count; i++)
		section_set(&sections[count + i], images[i].name, BUNDLE_INDEX, packs[i].index, 0,
			    &offset);
	for (unsigned i = 0; i < count; i++)
		section_set(&sections[2 * count + i], images[i].name, BUNDLE_FRAMES, NULL,
			    packs[i].frames_size, &offset);
	bundle_header_encode(sections, 3 * count, (uint32_t)g_bytes_get_size(manifest),
			     (uint32_t)g_bytes_get_size(signature), offset, header);
	if (file == NULL || !file_write(file, header, manifest, signature, packs, count) ||
	    rename(temporary, output) < 0) {
		failure_set(error, FAULT_BUILD_OUTPUT, "cannot write %s: %s", output,
			    g_strerror(errno));
		(void)unlink(temporary); /* the failure is told; the rest is tidiness */
		return FALSE;
	}
	return TRUE;
}

gboolean bundlewrite_build(const struct bundlewrite_options *options,
			   const struct manifest *manifest, const struct bundlewrite_image *images,
			   unsigned count, GError **error)
{
	g_autofree char *text = manifest_encode(manifest);
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	g_autoptr(GBytes) signature = crypto_cms_sign((const uint8_t *)text, strlen(text),
						      options->key, options->certificate, error);
	struct pack packs[BUNDLE_SECTIONS_MAX / 3] = { 0 };
	gboolean done = signature != NULL;

	g_assert(count <= G_N_ELEMENTS(packs));
	for (unsigned i = 0; done && i < count; i++)
		done = pack_image(&packs[i], &images[i], options->level, error);
	done = done &&
	       bundle_assemble(options->output, bytes, signature, images, packs, count, error);
	for (unsigned i = 0; i < count; i++)
		pack_done(&packs[i]);
	return done;
}

/* SPDX-License-Identifier: MIT */
#include "bundlewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "crc32c.h"
#include "crypto.h"
#include "failure.h"
#include "frame.h"
#include "parallel.h"
#include "veritybuild.h"

enum {
	BLOCK = VERITREE_BLOCK_SIZE,
	BATCH_BLOCKS = 4096, /* 16 MiB, what the threads work on at a time */
	BATCH_SIZE = BATCH_BLOCKS * BLOCK,
	SAMPLE_SIZE = 16 * 1024 * 1024,     /* of an image, to train a dictionary */
	PARENTS_FROM = 32 * BLOCK,          /* leaf hashes; of fewer all may be fetched */
	DICTIONARY_FROM = 32 * 1024 * 1024, /* smaller images do not earn its size */
	DICTIONARY_FRAME_MAX = 16,          /* blocks; larger frames gain nothing */
};

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

/* Reads up to a batch, padded with zeros to whole blocks; 0 at the end. */
static size_t blocks_read(FILE *file, uint8_t *bytes)
{
	const size_t size_bytes = fread(bytes, 1, BATCH_SIZE, file);
	const size_t blocks = (size_bytes + BLOCK - 1) / BLOCK;

	memset(bytes + size_bytes, 0, blocks * BLOCK - size_bytes);
	return blocks;
}

gboolean bundlewrite_measure(const struct bundlewrite_image *image, GError **error)
{
	struct manifest_image *found = image->image;
	g_autoptr(File) file = input_open(image->path, error);
	g_autoptr(CryptoHasher)
		hasher = crypto_hasher_new(found->superblock.salt, found->superblock.salt_size);
	g_autofree uint8_t *bytes = g_malloc(BATCH_SIZE);
	struct veritybuild build;
	struct veritree tree;
	fault why;

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
	for (size_t blocks; (blocks = blocks_read(file, bytes)) > 0;)
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

static void part_free(gpointer data)
{
	struct bundlewrite_part *part = data;

	g_clear_pointer(&part->bytes, g_bytes_unref);
	g_clear_pointer(&part->file, file_close);
	g_free(part);
}

GPtrArray *bundlewrite_parts_new(void)
{
	return g_ptr_array_new_with_free_func(part_free);
}

void bundlewrite_part_add(GPtrArray *parts, const struct bundle_section *section, GBytes *bytes,
			  FILE *file)
{
	struct bundlewrite_part *part = g_new0(struct bundlewrite_part, 1);

	part->section = *section;
	part->bytes = bytes;
	part->file = file;
	g_ptr_array_add(parts, part);
}

static void table_add(GPtrArray *parts, const char *name, enum bundle_kind kind, GByteArray *table)
{
	struct bundle_section section = { .kind = kind };

	g_strlcpy(section.name, name, sizeof section.name);
	bundlewrite_part_add(parts, &section, g_byte_array_free_to_bytes(table), NULL);
}

/* What one payload becomes: leaf hashes and index in memory, frames in a nameless file. */
struct pack {
	const struct bundlewrite_options *options;
	const struct manifest_image *image;
	struct crypto_hasher *hasher;
	GBytes *dictionary;
	FILE *frames;
	GByteArray *leaves;
	GByteArray *index;
	struct frame_encoder **encoders; /* one per thread */
	uint8_t *blocks;                 /* the batch at hand */
	size_t block_count;
	uint8_t *stored; /* room for each frame of the batch */
	struct frame_entry *entries;
};
typedef struct pack Pack; /* for g_autoptr() only */

static unsigned batch_frames(const struct pack *pack)
{
	return (unsigned)((pack->block_count + pack->options->frame_blocks - 1) /
			  pack->options->frame_blocks);
}

static size_t frame_room(const struct pack *pack)
{
	return frame_bound((size_t)pack->options->frame_blocks * BLOCK);
}

static struct pack *pack_new(const struct bundlewrite_options *options,
			     const struct manifest_image *image)
{
	struct pack *pack = g_new0(struct pack, 1);
	uint8_t head[FRAMEINDEX_HEAD_SIZE];

	pack->options = options;
	pack->image = image;
	pack->hasher = crypto_hasher_new(image->superblock.salt, image->superblock.salt_size);
	pack->leaves = g_byte_array_new();
	pack->index = g_byte_array_new();
	pack->blocks = g_malloc(BATCH_SIZE);
	pack->block_count = BATCH_BLOCKS;
	pack->stored = g_malloc(batch_frames(pack) * frame_room(pack));
	pack->entries = g_new0(struct frame_entry, batch_frames(pack));
	pack->encoders = g_new0(struct frame_encoder *, parallel_threads());
	frameindex_head_encode(options->frame_blocks, head);
	g_byte_array_append(pack->index, head, sizeof head);
	return pack;
}

static void pack_free(struct pack *pack)
{
	for (unsigned i = 0; i < parallel_threads(); i++)
		frame_encoder_free(pack->encoders[i]);
	g_clear_pointer(&pack->leaves, g_byte_array_unref);
	g_clear_pointer(&pack->index, g_byte_array_unref);
	g_clear_pointer(&pack->frames, file_close);
	g_clear_pointer(&pack->dictionary, g_bytes_unref);
	crypto_hasher_free(pack->hasher);
	g_free(pack->encoders);
	g_free(pack->entries);
	g_free(pack->stored);
	g_free(pack->blocks);
	g_free(pack);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pack, pack_free)

/* Samples from all over the image: small frames have little before them to refer to, and a common
 * dictionary gives that back. */
static void dictionary_train(struct pack *pack, FILE *file)
{
	const size_t frame_size = (size_t)pack->options->frame_blocks * BLOCK;
	const unsigned count = (unsigned)(SAMPLE_SIZE / frame_size);
	const uint64_t step = pack->image->size_bytes / count / BLOCK * BLOCK;
	g_autofree uint8_t *samples = NULL;
	unsigned got = 0;

	if (pack->options->level == 0 || pack->image->size_bytes < DICTIONARY_FROM ||
	    pack->options->frame_blocks > DICTIONARY_FRAME_MAX)
		return;
	samples = g_malloc(SAMPLE_SIZE);
	while (got < count && fseeko(file, (off_t)(got * step), SEEK_SET) == 0 &&
	       fread(samples + got * frame_size, 1, frame_size, file) == frame_size)
		got++;
	pack->dictionary = frame_dictionary_train(samples, frame_size, got);
	rewind(file);
}

static void frame_work(gpointer user_data, unsigned thread, unsigned index)
{
	struct pack *pack = user_data;
	struct frame_entry *entry = &pack->entries[index];
	const size_t first = (size_t)index * pack->options->frame_blocks;

	entry->block_count = (uint32_t)MIN(pack->options->frame_blocks, pack->block_count - first);
	frame_encode(pack->encoders[thread], pack->blocks + first * BLOCK, entry,
		     pack->stored + index * frame_room(pack));
}

static gboolean batch_pack(struct pack *pack)
{
	for (size_t i = 0; i < pack->block_count; i++) {
		uint8_t hash[VERITREE_HASH_SIZE];

		crypto_hash(pack->hasher, pack->blocks + i * BLOCK, BLOCK, hash);
		g_byte_array_append(pack->leaves, hash, sizeof hash);
	}
	parallel_each(batch_frames(pack), frame_work, pack);
	for (unsigned i = 0; i < batch_frames(pack); i++) {
		const struct frame_entry *entry = &pack->entries[i];
		uint8_t bytes[FRAMEINDEX_ENTRY_SIZE];

		frameindex_entry_encode(entry->encoding, entry->stored_size, bytes);
		g_byte_array_append(pack->index, bytes, sizeof bytes);
		if (fwrite(pack->stored + i * frame_room(pack), 1, entry->stored_size,
			   pack->frames) != entry->stored_size)
			return FALSE;
	}
	return TRUE;
}

static void parts_add(struct pack *pack, const char *name, GPtrArray *parts)
{
	struct bundle_section frames = { .kind = BUNDLE_FRAMES };
	struct bundle_section dictionary = { .kind = BUNDLE_DICTIONARY };

	g_strlcpy(frames.name, name, sizeof frames.name);
	g_strlcpy(dictionary.name, name, sizeof dictionary.name);
	if (pack->leaves->len >= PARENTS_FROM)
		table_add(parts, name, BUNDLE_PARENTS,
			  veritybuild_parents(pack->hasher, pack->leaves->data, pack->leaves->len));
	table_add(parts, name, BUNDLE_LEAVES, g_steal_pointer(&pack->leaves));
	table_add(parts, name, BUNDLE_INDEX, g_steal_pointer(&pack->index));
	if (pack->dictionary != NULL)
		bundlewrite_part_add(parts, &dictionary, g_steal_pointer(&pack->dictionary), NULL);
	bundlewrite_part_add(parts, &frames, NULL, g_steal_pointer(&pack->frames));
}

static gboolean image_pack(const struct bundlewrite_options *options,
			   const struct bundlewrite_image *image, GPtrArray *parts, GError **error)
{
	g_autoptr(File) file = input_open(image->path, error);
	g_autoptr(Pack) pack = pack_new(options, image->image);

	if (file == NULL)
		return FALSE;
	pack->frames = tmpfile();
	if (pack->frames == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make a temporary file: %s",
				   g_strerror(errno));
	dictionary_train(pack, file);
	for (unsigned i = 0; i < parallel_threads(); i++)
		pack->encoders[i] = frame_encoder_new(options->level, pack->dictionary);
	while ((pack->block_count = blocks_read(file, pack->blocks)) > 0)
		if (!batch_pack(pack))
			return failure_set(error, FAULT_BUILD_OUTPUT,
					   "cannot write a temporary file: %s", g_strerror(errno));
	if (ferror(file) ||
	    pack->leaves->len != image->image->superblock.data_blocks * VERITREE_HASH_SIZE)
		return failure_set(error, FAULT_BUILD_INPUT, "%s changed while it was read",
				   image->path);
	parts_add(pack, image->name, parts);
	return TRUE;
}

gboolean bundlewrite_full(const struct bundlewrite_options *options,
			  const struct bundlewrite_image *images, unsigned count, GPtrArray *parts,
			  GError **error)
{
	for (unsigned i = 0; i < count; i++)
		if (!image_pack(options, &images[i], parts, error))
			return FALSE;
	return TRUE;
}

/* A stream is read once, from the front: what says which frames are needed comes before them. */
static int part_rank(gconstpointer a)
{
	static const uint8_t RANKS[BUNDLE_KIND_COUNT] = {
		[BUNDLE_DELTA_INDEX] = 1, [BUNDLE_DELTA_FRAMES] = 2, [BUNDLE_PARENTS] = 3,
		[BUNDLE_LEAVES] = 4,      [BUNDLE_DICTIONARY] = 5,   [BUNDLE_INDEX] = 6,
		[BUNDLE_FRAMES] = 7,      [BUNDLE_METADATA] = 0,
	};
	const struct bundlewrite_part *part = *(struct bundlewrite_part *const *)a;

	return part->section.kind < BUNDLE_KIND_COUNT ? RANKS[part->section.kind]
						      : BUNDLE_KIND_COUNT;
}

static gint part_compare(gconstpointer a, gconstpointer b)
{
	return part_rank(a) - part_rank(b);
}

static gboolean has_checksum(const struct bundle_section *section)
{
	return section->kind != BUNDLE_FRAMES && section->kind != BUNDLE_DELTA_FRAMES;
}

/* In the order of the list; g_ptr_array_sort() is stable. */
static gboolean sections_place(GPtrArray *parts, uint64_t offset, struct bundle_section *sections,
			       uint64_t *ret_total, GError **error)
{
	for (guint i = 0; i < parts->len; i++) {
		struct bundlewrite_part *part = g_ptr_array_index(parts, i);
		struct bundle_section *section = &part->section;

		section->offset = offset;
		if (part->bytes != NULL) {
			section->size_bytes = g_bytes_get_size(part->bytes);
			if (has_checksum(section))
				section->crc = crc32c(g_bytes_get_data(part->bytes, NULL),
						      g_bytes_get_size(part->bytes));
		} else {
			if (fseeko(part->file, 0, SEEK_END) < 0)
				return failure_set(error, FAULT_BUILD_OUTPUT,
						   "cannot use a temporary file: %s",
						   g_strerror(errno));
			section->size_bytes = (uint64_t)ftello(part->file);
			rewind(part->file);
		}
		offset += section->size_bytes;
		sections[i] = *section;
	}
	*ret_total = offset;
	return TRUE;
}

static gboolean file_copy(FILE *to, FILE *from)
{
	uint8_t bytes[65536];
	size_t size;

	while ((size = fread(bytes, 1, sizeof bytes, from)) > 0)
		if (fwrite(bytes, 1, size, to) != size)
			return FALSE;
	return !ferror(from);
}

static gboolean bytes_write(FILE *to, GBytes *bytes)
{
	gsize size_bytes;
	const void *data = g_bytes_get_data(bytes, &size_bytes);

	return size_bytes == 0 || fwrite(data, 1, size_bytes, to) == size_bytes;
}

static gboolean file_write(FILE *to, const uint8_t *header, GBytes *manifest, GBytes *signature,
			   GPtrArray *parts)
{
	gboolean done = fwrite(header, 1, BUNDLE_HEADER_SIZE, to) == BUNDLE_HEADER_SIZE &&
			bytes_write(to, manifest) && bytes_write(to, signature);

	for (guint i = 0; done && i < parts->len; i++) {
		const struct bundlewrite_part *part = g_ptr_array_index(parts, i);

		done = part->bytes != NULL ? bytes_write(to, part->bytes)
					   : file_copy(to, part->file);
	}
	return done && fflush(to) == 0 && fsync(fileno(to)) == 0;
}

gboolean bundlewrite_assemble(const char *output, GBytes *manifest, GBytes *signature,
			      GPtrArray *parts, GError **error)
{
	struct bundle_section sections[BUNDLE_SECTIONS_MAX] = { 0 };
	const uint64_t head = BUNDLE_HEADER_SIZE + g_bytes_get_size(manifest) +
			      g_bytes_get_size(signature);
	g_autofree char *temporary = g_strconcat(output, ".part", NULL);
	g_autoptr(File) file = NULL;
	uint8_t header[BUNDLE_HEADER_SIZE];
	uint64_t total = 0;

	if (parts->len > BUNDLE_SECTIONS_MAX)
		return failure_set(error, FAULT_BUILD_INPUT,
				   "a bundle of %u sections is too much: leave out deltas",
				   parts->len);
	g_ptr_array_sort(parts, part_compare);
	if (!sections_place(parts, head, sections, &total, error))
		return FALSE;
	bundle_header_encode(sections, parts->len, (uint32_t)g_bytes_get_size(manifest),
			     (uint32_t)g_bytes_get_size(signature), total, header);
	file = fopen(temporary, "wbe");
	if (file == NULL || !file_write(file, header, manifest, signature, parts) ||
	    rename(temporary, output) < 0) {
		failure_set(error, FAULT_BUILD_OUTPUT, "cannot write %s: %s", output,
			    g_strerror(errno));
		(void)unlink(temporary); /* the failure is told; the rest is tidiness */
		return FALSE;
	}
	return TRUE;
}

/* All that stands in the bundle but the metadata that it may carry already. */
static GPtrArray *parts_of(const struct bundle *bundle, GBytes *file)
{
	GPtrArray *parts = bundlewrite_parts_new();

	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];

		if (section->kind != BUNDLE_METADATA)
			bundlewrite_part_add(
				parts, section,
				g_bytes_new_from_bytes(file, section->offset, section->size_bytes),
				NULL);
	}
	return parts;
}

gboolean bundlewrite_carry(const char *input, GBytes *metadata, const char *output, GError **error)
{
	const struct bundle_section section = { .kind = BUNDLE_METADATA };
	g_autoptr(File) file = input_open(input, error);
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;
	g_autoptr(GMappedFile) mapped = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GPtrArray) parts = NULL;
	g_autoptr(GError) cause = NULL;

	if (file == NULL)
		return FALSE;
	source = source_open_fd(fileno(file), NULL, error);
	bundle = source != NULL ? bundle_open(source, NULL, error) : NULL;
	if (bundle == NULL)
		return FALSE;
	mapped = g_mapped_file_new_from_fd(fileno(file), FALSE, &cause);
	if (mapped == NULL)
		return failure_set(error, FAULT_BUILD_INPUT, "%s: %s", input, cause->message);
	bytes = g_mapped_file_get_bytes(mapped);
	if (g_bytes_get_size(bytes) < bundle->total_bytes)
		return failure_set(error, FAULT_BUNDLE_TRUNCATED, "%s is cut short", input);
	parts = parts_of(bundle, bytes);
	bundlewrite_part_add(parts, &section, g_bytes_ref(metadata), NULL);
	return bundlewrite_assemble(output, bundle->manifest_bytes, bundle->signature, parts,
				    error);
}

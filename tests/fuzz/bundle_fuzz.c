/* SPDX-License-Identifier: MIT */
/* Bundles from the header to the last frame, without the signature in front of it. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle.h"
#include "bytes.h"
#include "crc32c.h"
#include "frame.h"
#include "fuzz.h"

static int memory_file(const uint8_t *bytes, size_t size_bytes)
{
	const int fd = memfd_create("bundle", MFD_CLOEXEC);
	uint8_t head[BUNDLE_HEADER_SIZE];

	if (write(fd, bytes, size_bytes) != (ssize_t)size_bytes)
		__builtin_trap();
	if (size_bytes < sizeof head)
		return fd;
	memcpy(head, bytes, sizeof head);
	bytes_store_u32(head + 8, crc32c(head + 12, sizeof head - 12));
	if (pwrite(fd, head, sizeof head, 0) != (ssize_t)sizeof head)
		__builtin_trap();
	return fd;
}

static void frames_read(const struct bundle *bundle, const char *name)
{
	g_autofree uint8_t *blocks = g_malloc(FRAMEINDEX_BLOCKS_MAX * VERITREE_BLOCK_SIZE);
	g_autofree uint8_t *stored = g_malloc(FRAMEINDEX_BLOCKS_MAX * VERITREE_BLOCK_SIZE);
	g_autoptr(Frameindex) index = bundle_index_read(
		bundle, name, bundle->manifest->root.superblock.data_blocks, NULL);
	g_autoptr(GBytes) dictionary = NULL;
	g_autoptr(FrameDecoder) decoder = NULL;
	struct frame_entry entry = { 0 };

	if (index == NULL || !bundle_dictionary_read(bundle, name, &dictionary, NULL))
		return;
	decoder = frame_decoder_new(dictionary);
	while (frameindex_next(index, &entry)) {
		const uint64_t offset = bundle_find(bundle, name, BUNDLE_FRAMES)->offset;

		if (source_read(bundle->source, offset + entry.offset, stored, entry.stored_size,
				NULL))
			(void)frame_decode(decoder, &entry, stored, blocks); /* crashes count */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	const int fd = memory_file(bytes, size_bytes);
	g_autoptr(Source) source = source_open_fd(fd, NULL, NULL);
	g_autoptr(Bundle) bundle = bundle_open(source, NULL, NULL);

	if (bundle != NULL)
		frames_read(bundle, "root");
	close(fd);
	return 0;
}

enum { INDEX_SIZE = FRAMEINDEX_HEAD_SIZE + FRAMEINDEX_ENTRY_SIZE };

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	const struct manifest manifest = {
		.product = (char *)"p",
		.architecture = (char *)"x86_64",
		.version = (char *)"1",
		.file_system = (char *)"erofs",
		.root = { .size_bytes = 4096, .superblock = { .data_blocks = 1 } },
		.uki = { .size_bytes = 5, .superblock = { .data_blocks = 1 } },
	};
	/* An empty zstd frame and one of eight bytes; the checksum of the first is right. */
	static const uint8_t FRAME[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00 };
	g_autofree char *text = manifest_encode(&manifest);
	const uint32_t size = (uint32_t)strlen(text);
	const uint64_t body = BUNDLE_HEADER_SIZE + size;
	struct bundle_section sections[] = {
		{ "root", BUNDLE_INDEX, 0, body, INDEX_SIZE, { 0 } },
		{ "root", BUNDLE_FRAMES, 0, body + INDEX_SIZE, sizeof FRAME, { 0 } },
	};
	uint8_t entry[INDEX_SIZE];

	if (number > 0 || room < body + INDEX_SIZE + sizeof FRAME)
		return 0;
	frameindex_head_encode(1, entry);
	frameindex_entry_encode(FRAME_ZSTD, sizeof FRAME, entry + FRAMEINDEX_HEAD_SIZE);
	sections[0].crc = crc32c(entry, sizeof entry);
	bundle_header_encode(sections, G_N_ELEMENTS(sections), size, 0,
			     body + sizeof entry + sizeof FRAME, ret_bytes);
	memcpy(ret_bytes + BUNDLE_HEADER_SIZE, text, size);
	memcpy(ret_bytes + body, entry, sizeof entry);
	memcpy(ret_bytes + body + sizeof entry, FRAME, sizeof FRAME);
	return (size_t)body + sizeof entry + sizeof FRAME;
}

/* SPDX-License-Identifier: MIT */
/* Images, as those who make deltas read them: EROFS, UKIs, cpio. (ext4 is libext2fs', and
 * tests/integration/filemap_test.py damages it.) */
#include "filemap.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"

enum { BLOCK = 512, CONTENT_MAX = 1 << 20, BLOCKS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Filemap) map = filemap_decode(bytes, size_bytes);

	for (guint i = 0; i < map->files->len; i++) {
		const struct filemap_file *file = &g_array_index(map->files, struct filemap_file,
								 i);
		GBytes *content = filemap_read(map, file, bytes, CONTENT_MAX);

		g_assert(filemap_find(map, file->path) != NULL);
		g_clear_pointer(&content, g_bytes_unref);
	}
	for (guint i = 0; i < map->stamps->len; i++) {
		const struct filemap_stamp *stamp = &g_array_index(map->stamps,
								   struct filemap_stamp, i);

		g_assert(bytes_range_is_inside(stamp->image_offset, stamp->size_bytes, size_bytes));
	}
	return 0;
}

static size_t member_put(uint8_t *at, unsigned mode, const char *name, const char *content)
{
	const size_t name_size = strlen(name) + 1;
	const size_t start = (110 + name_size + 3) / 4 * 4;
	char header[111];

	(void)snprintf(header, sizeof header,
		       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u, mode, 0u,
		       0u, 1u, 0u, (unsigned)strlen(content), 0u, 0u, 0u, 0u, (unsigned)name_size,
		       0u);
	memcpy(at, header, 110);
	memcpy(at + 110, name, name_size);
	memcpy(at + start, content, strlen(content));
	return start + (strlen(content) + 3) / 4 * 4;
}

static size_t cpio_put(uint8_t *at)
{
	size_t size = member_put(at, 0040755, "etc", "");

	size += member_put(at + size, 0100644, "./etc/name", "content");
	size += member_put(at + size, 0, "TRAILER!!!", "");
	size += 16;
	size += member_put(at + size, 0100644, "late", "1234");
	return size;
}

static size_t uki_put(uint8_t *at)
{
	enum { COFF = 64, TABLE = COFF + 24 + 112, INITRD = 512 };

	memcpy(at, "MZ", 2);
	bytes_store_u32(at + 60, COFF);
	memcpy(at + COFF, "PE\0\0", 4);
	bytes_store_u16(at + COFF + 6, 1);
	bytes_store_u16(at + COFF + 20, 112);
	bytes_store_u16(at + COFF + 24, 0x20b);
	memcpy(at + TABLE, ".initrd\0", 8);
	bytes_store_u32(at + TABLE + 8, 800);
	bytes_store_u32(at + TABLE + 16, 800);
	bytes_store_u32(at + TABLE + 20, INITRD);
	memcpy(at + INITRD + cpio_put(at + INITRD), "\x28\xb5\x2f\xfd", 4);
	return INITRD + 800;
}

/* An inode of 32 bytes: layout, mode, size, block. */
static void inode_put(uint8_t *at, unsigned layout, unsigned mode, unsigned size, unsigned block)
{
	bytes_store_u16(at, (uint16_t)(layout << 1));
	bytes_store_u16(at + 4, (uint16_t)mode);
	bytes_store_u32(at + 8, size);
	bytes_store_u32(at + 16, block);
}

/* Blocks of 512 bytes: superblock, inodes (root, inline, plain, chunks, inner folder), data. */
static size_t erofs_put(uint8_t *at)
{
	static const char NAMES[] = "...abcd"; /* "." and ".." at 0 and 1, then one each */
	uint8_t *inodes = at + 4 * BLOCK;
	uint8_t *folder = at + 5 * BLOCK;

	bytes_store_u32(at + 1024, 0xe0f5e1e2);
	at[1024 + 12] = 9;
	bytes_store_u16(at + 1024 + 14, 1);
	bytes_store_u32(at + 1024 + 40, 4);
	inode_put(inodes + 32, 0, 0040755, 12 * 6 + sizeof NAMES - 1, 5);
	inode_put(inodes + 64, 2, 0100644, BLOCK + 9, 6);
	inode_put(inodes + 128, 0, 0100644, BLOCK + 1, 6);
	inode_put(inodes + 224, 4, 0100644, 3 * BLOCK, 0);
	bytes_store_u32(inodes + 256, 6);
	bytes_store_u32(inodes + 260, 0xffffffff);
	bytes_store_u32(inodes + 264, 7);
	inode_put(inodes + 320, 0, 0040755, 0, 0);
	inodes[64 + 32] = 'x';
	for (unsigned i = 0; i < 6; i++) {
		static const uint8_t NUMBERS[] = { 1, 1, 2, 4, 7, 10 };
		static const uint8_t STARTS[] = { 0, 1, 3, 4, 5, 6 };

		folder[i * 12] = NUMBERS[i];
		bytes_store_u16(folder + i * 12 + 8, (uint16_t)(72 + STARTS[i]));
	}
	memcpy(folder + 72, NAMES, sizeof NAMES - 1);
	return BLOCKS * BLOCK;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	if (number > 2 || room < BLOCKS * BLOCK)
		return 0;
	memset(ret_bytes, 0, BLOCKS * BLOCK);
	if (number == 0)
		return erofs_put(ret_bytes);
	return number == 1 ? cpio_put(ret_bytes) : uki_put(ret_bytes);
}

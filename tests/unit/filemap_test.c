/* SPDX-License-Identifier: MIT */
/* What no tool makes: damaged and hostile images, and the limits. The rest is compared with what
 * mkfs.erofs, mke2fs and cpio make, in tests/integration/filemap_test.py. */
#include "filemap.h"

#include <string.h>

#include "bytes.h"
#include "filemap_private.h"
#include "tap.h"

enum {
	BLOCK = 512,
	BLOCKS = 16,
	INODES = 4 * BLOCK, /* of the image: inode 0 */
	ROOT = 5 * BLOCK,   /* of the image: content of the root */
	INODE = 32,
	EXTENDED = 1,
	PLAIN = 0 << 1,
	PACKED = 1 << 1,
	INLINE = 2 << 1,
	CHUNKS = 4 << 1,
	REGULAR = 0100644,
	FOLDER = 0040755,
};

struct inode {
	unsigned format, mode;
	uint64_t size;
	uint32_t block;
	unsigned attributes;
};

/* An image whose root holds one file or folder "f", inode 2. */
static void image_make(uint8_t *image, const struct inode *inode)
{
	uint8_t *root = image + INODES + INODE;
	uint8_t *file = image + INODES + 2 * INODE;

	memset(image, 0, BLOCKS * BLOCK);
	bytes_store_u32(image + 1024, 0xe0f5e1e2);
	image[1024 + 12] = 9;
	bytes_store_u16(image + 1024 + 14, 1);
	bytes_store_u32(image + 1024 + 40, INODES / BLOCK);
	bytes_store_u16(root, PLAIN);
	bytes_store_u16(root + 4, FOLDER);
	bytes_store_u32(root + 8, 13);
	bytes_store_u32(root + 16, ROOT / BLOCK);
	image[ROOT] = 2;
	bytes_store_u16(image + ROOT + 8, 12);
	image[ROOT + 12] = 'f';
	bytes_store_u16(file, (uint16_t)inode->format);
	bytes_store_u16(file + 2, (uint16_t)inode->attributes);
	bytes_store_u16(file + 4, (uint16_t)inode->mode);
	if ((inode->format & EXTENDED) != 0)
		bytes_store_u64(file + 8, inode->size);
	else
		bytes_store_u32(file + 8, (uint32_t)inode->size);
	bytes_store_u32(file + 16, inode->block);
}

static const struct filemap_file *file_of(const struct filemap *map)
{
	return map->files->len == 1 ? &g_array_index(map->files, struct filemap_file, 0) : NULL;
}

struct layout_case {
	struct inode inode;
	unsigned flags, extents;
	uint64_t image_offset, size; /* of the last extent */
	uint8_t table[32];           /* of chunks; behind the inode */
};

static const struct layout_case LAYOUTS[] = {
	{ { PLAIN, REGULAR, 0, 6, 0 }, 0, 0, 0, 0, { 0 } },
	{ { PLAIN, REGULAR, 700, 6, 0 }, 0, 1, 6 * BLOCK, 700, { 0 } },
	{ { PLAIN | EXTENDED, REGULAR, 700, 6, 0 }, 0, 1, 6 * BLOCK, 700, { 0 } },
	{ { PLAIN, REGULAR, BLOCK, BLOCKS - 1, 0 }, 0, 1, (BLOCKS - 1) * BLOCK, BLOCK, { 0 } },
	{ { PLAIN, REGULAR, BLOCK + 1, BLOCKS - 1, 0 }, FILEMAP_DAMAGED, 0, 0, 0, { 0 } },
	{ { PLAIN, REGULAR, 9, 0xffffffff, 0 }, 0, 0, 0, 0, { 0 } },
	{ { PLAIN, REGULAR, 9, 0xfffffffe, 0 }, FILEMAP_DAMAGED, 0, 0, 0, { 0 } },
	{ { PLAIN | EXTENDED, REGULAR, UINT64_MAX, 6, 0 }, FILEMAP_DAMAGED, 0, 0, 0, { 0 } },
	{ { INLINE, REGULAR, 700, 6, 0 }, FILEMAP_INLINE_TAIL, 2, INODES + 96, 188, { 0 } },
	{ { INLINE, REGULAR, BLOCK, 6, 0 }, FILEMAP_INLINE_TAIL, 1, INODES + 96, BLOCK, { 0 } },
	{ { INLINE, REGULAR, 2 * BLOCK, 6, 0 }, FILEMAP_INLINE_TAIL, 2, INODES + 96, BLOCK, { 0 } },
	{ { INLINE, REGULAR, 100, 6, 0 }, FILEMAP_INLINE_TAIL, 1, INODES + 96, 100, { 0 } },
	{ { INLINE, REGULAR, 100, 6, 3 }, FILEMAP_INLINE_TAIL, 1, INODES + 116, 100, { 0 } },
	{ { INLINE | EXTENDED, REGULAR, 9, 6, 0 }, FILEMAP_INLINE_TAIL, 1, INODES + 128, 9, { 0 } },
	{ { INLINE, REGULAR, 9, 6, 0xffff },
	  FILEMAP_INLINE_TAIL | FILEMAP_DAMAGED,
	  0,
	  0,
	  0,
	  { 0 } },
	{ { PACKED, REGULAR, 700, 6, 0 }, FILEMAP_COMPRESSED, 0, 0, 0, { 0 } },
	{ { 7 << 1, REGULAR, 700, 6, 0 }, FILEMAP_COMPRESSED, 0, 0, 0, { 0 } },
	{ { CHUNKS, REGULAR, 600, 0, 0 }, 0, 2, 0, 88, { 9 } },
	{ { CHUNKS, REGULAR, 600, 0, 0 }, 0, 1, 9 * BLOCK, 600, { 9, 0, 0, 0, 10 } },
	{ { CHUNKS, REGULAR, 600, 1, 0 }, 0, 1, 3 * BLOCK, 600, { 3, 0, 0, 0, 9 } },
	{ { CHUNKS, REGULAR, 600, 0x21, 0 }, 0, 1, 3 * BLOCK, 600, { 9, 0, 0, 0, 3 } },
	{ { CHUNKS, REGULAR, 600, 0x21, 0 }, 0, 0, 0, 0, { 9, 0, 1, 0, 3 } },
	{ { CHUNKS, REGULAR, 600, 0x21, 3 }, 0, 1, 4 * BLOCK, 600, { [28] = 4 } },
	{ { CHUNKS | EXTENDED, REGULAR, 1 << 30, 0, 0 }, FILEMAP_DAMAGED, 0, 0, 0, { 0 } },
};

static void layout_check(const struct layout_case *wanted)
{
	uint8_t image[BLOCKS * BLOCK];
	g_autoptr(Filemap) map = NULL;
	const struct filemap_file *file;
	const struct filemap_extent *last;

	image_make(image, &wanted->inode);
	if (wanted->inode.format == CHUNKS)
		memcpy(image + INODES + 96, wanted->table, sizeof wanted->table);
	map = filemap_decode(image, sizeof image);
	file = file_of(map);
	expect(file != NULL && strcmp(file->path, "f") == 0);
	if (file == NULL)
		return;
	expect(file->size_bytes == wanted->inode.size);
	expect(file->flags == wanted->flags);
	expect(file->extent_count == wanted->extents);
	expect(map->damaged_count == ((wanted->flags & FILEMAP_DAMAGED) != 0 ? 1 : 0));
	if (file->extent_count == 0)
		return;
	last = &g_array_index(map->extents, struct filemap_extent, file->extent_count - 1);
	expect(last->image_offset == wanted->image_offset);
	expect(last->size_bytes == wanted->size);
}

static void test_layouts(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(LAYOUTS); i++)
		layout_check(&LAYOUTS[i]);
}

/* An inode of 64 bytes, of which 32 are in the image. */
static void test_inode_cut(void)
{
	static const struct inode LAST = { PLAIN, REGULAR, 9, 6, 0 };
	uint8_t image[BLOCKS * BLOCK];
	g_autoptr(Filemap) map = NULL;

	image_make(image, &LAST);
	image[ROOT] = (BLOCKS * BLOCK - INODES) / INODE - 1;
	image[sizeof image - INODE] = EXTENDED;
	map = filemap_decode(image, sizeof image);
	expect(map->files->len == 0 && map->damaged_count == 1);
}

/* A table of chunks for so large a file cannot be; it must not be read, nor counted to its end. */
static void test_too_many(void)
{
	static const struct inode HUGE_FILE = { CHUNKS | EXTENDED, REGULAR, UINT64_MAX, 0, 0 };
	uint8_t image[BLOCKS * BLOCK];
	g_autoptr(Filemap) map = NULL;

	image_make(image, &HUGE_FILE);
	map = filemap_decode(image, sizeof image);
	expect(map->is_partial && map->files->len == 0 && map->extents->len == 0);
}

/* A folder that is in itself, and its own parent. */
static void test_cycle(void)
{
	static const struct inode SELF = { PLAIN, FOLDER, 13, ROOT / BLOCK, 0 };
	uint8_t image[BLOCKS * BLOCK];
	g_autoptr(Filemap) map = NULL;

	image_make(image, &SELF);
	map = filemap_decode(image, sizeof image);
	expect(map->kind == FILEMAP_EROFS && map->files->len == 0 && !map->is_partial);
}

static void test_names(void)
{
	static const struct {
		const char *name;
		unsigned start, size; /* of the folder */
		gboolean is_file;
		unsigned damaged;
	} CASES[] = {
		{ "f", 12, 13, TRUE, 0 },   { "f", 12, 99, TRUE, 0 },
		{ ".", 12, 13, FALSE, 0 },  { "..", 12, 14, FALSE, 0 },
		{ "...", 12, 15, TRUE, 0 }, { "a/b", 12, 15, FALSE, 0 },
		{ "", 12, 12, FALSE, 0 },   { "f", 13, 14, FALSE, 1 },
		{ "f", 24, 13, FALSE, 1 },  { "f", 0xfff0, 13, FALSE, 1 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(CASES); i++) {
		static const struct inode FILE_INODE = { PLAIN, REGULAR, 9, 6, 0 };
		uint8_t image[BLOCKS * BLOCK];
		g_autoptr(Filemap) map = NULL;

		image_make(image, &FILE_INODE);
		bytes_store_u32(image + INODES + INODE + 8, CASES[i].size);
		bytes_store_u16(image + ROOT + 8, (uint16_t)CASES[i].start);
		memcpy(image + ROOT + 12, CASES[i].name, strlen(CASES[i].name) + 1);
		map = filemap_decode(image, sizeof image);
		expect((filemap_find(map, CASES[i].name) != NULL) == CASES[i].is_file);
		expect(map->files->len == (CASES[i].is_file ? 1 : 0));
		expect(map->damaged_count == CASES[i].damaged);
	}
}

static void test_super(void)
{
	static const struct {
		unsigned offset, value;
		gboolean is_read;
	} CASES[] = {
		{ 12, 9, TRUE },    { 12, 8, FALSE },    { 12, 17, FALSE }, { 12, 255, FALSE },
		{ 80, 0x7f, TRUE }, { 80, 0x80, FALSE }, { 90, 1, FALSE },  { 14, 200, FALSE },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(CASES); i++) {
		static const struct inode FILE_INODE = { PLAIN, REGULAR, 9, 6, 0 };
		uint8_t image[BLOCKS * BLOCK];
		g_autoptr(Filemap) map = NULL;

		image_make(image, &FILE_INODE);
		image[1024 + CASES[i].offset] = (uint8_t)CASES[i].value;
		map = filemap_decode(image, sizeof image);
		expect(map->kind == FILEMAP_EROFS);
		expect((map->files->len == 1) == CASES[i].is_read);
	}
}

static size_t member_put(char *at, const char *name, unsigned mode, unsigned size)
{
	const size_t start = (110 + strlen(name) + 1 + 3) / 4 * 4;

	memset(at, 'c', start + size + 4);
	(void)snprintf(at, 111, "070701%08x%08x%08x%08x%08x%08x%08X%08x%08x%08x%08x%08x%08x", 1u,
		       mode, 0u, 0u, 1u, 0u, size, 0u, 0u, 0u, 0u, (unsigned)strlen(name) + 1, 0u);
	memcpy(at + 110, name, strlen(name) + 1);
	return start + (size + 3) / 4 * 4;
}

static void test_cpio(void)
{
	static const struct {
		unsigned offset;
		char value;
		unsigned files; /* of two, the first of which is changed */
	} CASES[] = {
		{ 13, '1', 2 },  { 5, '2', 2 },   { 5, '3', 0 },   { 0, 'x', 0 },
		{ 54, 'f', 0 },  { 54, 'g', 0 },  { 61, '9', 1 },  { 94, '1', 0 },
		{ 101, '0', 0 }, { 101, '1', 0 }, { 110, 'y', 2 }, { 111, 'y', 0 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(CASES); i++) {
		char archive[1024];
		size_t size = member_put(archive, "a", REGULAR, 8);
		g_autoptr(Filemap) map = NULL;

		size += member_put(archive + size, "/b", REGULAR, 0xab);
		archive[CASES[i].offset] = CASES[i].value;
		map = filemap_decode((const uint8_t *)archive, size);
		if (map->files->len != CASES[i].files)
			printf("# case %u: %u files\n", i, map->files->len);
		expect(map->files->len == CASES[i].files);
		expect(CASES[i].files < 2 || filemap_find(map, "b")->size_bytes == 0xab);
	}
}

/* The kernel takes no archive that does not start at a multiple of 4. */
static void test_cpio_shifted(void)
{
	for (unsigned shift = 0; shift <= 8; shift++) {
		char archive[1024] = { 0 };
		const size_t first = member_put(archive, "a", REGULAR, 8);
		const size_t second = member_put(archive + first + shift, "b", REGULAR, 8);
		g_autoptr(Filemap) map = NULL;

		memset(archive + first, 0, shift);
		map = filemap_decode((const uint8_t *)archive, first + shift + second);
		expect(map->files->len == (shift % 4 == 0 ? 2 : 1));
	}
}

/* Only rising extents are a file's; what follows at once is joined. */
static void test_extents(void)
{
	static const struct {
		struct filemap_extent extent;
		unsigned count;
		gboolean is_damaged;
	} CASES[] = {
		{ { 0, 10, 10 }, 1, FALSE },   { { 10, 20, 5 }, 1, FALSE },
		{ { 15, 26, 5 }, 2, FALSE },   { { 30, 31, 5 }, 3, FALSE },
		{ { 100, 200, 1 }, 3, FALSE }, { { 34, 50, 5 }, 3, TRUE },
		{ { 0, 60, 5 }, 3, TRUE },     { { 90, 81, 20 }, 3, TRUE },
	};
	g_autoptr(Filemap) map = filemap_decode(NULL, 0);
	struct filemap_maker maker = { .map = map, .size_bytes = 90 };
	struct filemap_draft draft = filemap_draft_new(&maker, 100);

	for (unsigned i = 0; i < G_N_ELEMENTS(CASES); i++) {
		draft.file.flags = 0;
		filemap_draft_extent(&maker, &draft, CASES[i].extent);
		expect(map->extents->len == CASES[i].count);
		expect((draft.file.flags == FILEMAP_DAMAGED) == CASES[i].is_damaged);
	}
	expect(filemap_draft_add(&maker, &draft, "damaged") && map->extents->len == 0);
}

/* A path may stand twice: the later one counts for the kernel, both are in the image. */
static void test_twice(void)
{
	char archive[1024];
	size_t size = member_put(archive, "a", REGULAR, 8);
	g_autoptr(Filemap) map = NULL;

	size += member_put(archive + size, "a", REGULAR, 9);
	map = filemap_decode((const uint8_t *)archive, size);
	expect(map->files->len == 2);
	expect(filemap_find(map, "a")->size_bytes == 8);
	expect(filemap_find(map, "") == NULL && filemap_find(map, "b") == NULL);
}

static void test_read(void)
{
	static const struct inode INODE_CHUNKS = { CHUNKS, REGULAR, 3 * BLOCK, 0, 0 };
	uint8_t image[BLOCKS * BLOCK];
	uint8_t wanted[3 * BLOCK] = { 0 };
	g_autoptr(Filemap) map = NULL;
	g_autoptr(GBytes) content = NULL;

	image_make(image, &INODE_CHUNKS);
	bytes_store_u32(image + INODES + 96, 9);
	bytes_store_u32(image + INODES + 100, 0xffffffff);
	bytes_store_u32(image + INODES + 104, 8);
	memset(image + 8 * BLOCK, 'b', BLOCK);
	memset(image + 9 * BLOCK, 'a', BLOCK);
	memset(wanted, 'a', BLOCK);
	memset(wanted + 2 * BLOCK, 'b', BLOCK);
	map = filemap_decode(image, sizeof image);
	content = filemap_read(map, file_of(map), image, sizeof wanted);
	expect(content != NULL && memcmp(g_bytes_get_data(content, NULL), wanted, 3 * BLOCK) == 0);
	expect(filemap_read(map, file_of(map), image, sizeof wanted - 1) == NULL);
}

static const struct tap_case CASES[] = {
	{ "data layouts", test_layouts },
	{ "an inode at the end", test_inode_cut },
	{ "a file of too many chunks", test_too_many },
	{ "a folder inside itself", test_cycle },
	{ "names of a folder", test_names },
	{ "superblocks", test_super },
	{ "cpio members", test_cpio },
	{ "a cpio archive elsewhere", test_cpio_shifted },
	{ "extents", test_extents },
	{ "a path twice", test_twice },
	{ "content with a hole", test_read },
};
TAP_MAIN(CASES)

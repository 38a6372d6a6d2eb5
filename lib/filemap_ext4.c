/* SPDX-License-Identifier: MIT */
/* ext2, ext3 and ext4, through libext2fs. */
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <string.h>

#include "bytes.h"
#include "filemap_private.h"

enum {
	SUPER_OFFSET = 1024,
	SUPER_MAGIC = 56,
	MAGIC = 0xef53,
	INODE_TIMES = 8, /* of access, change and modification */
	INODE_TIMES_SIZE = 12,
	INODE_BLOCKS = 40, /* inline data starts in place of the block numbers */
	INODE_BLOCKS_SIZE = 60,
	INODE_OLD_SIZE = 128,
	ATTRIBUTES_MAGIC_SIZE = 4,
	ATTRIBUTE_SIZE = 16,
	ATTRIBUTE_VALUE = 2,
	ATTRIBUTE_VALUE_SIZE = 8,
	ATTRIBUTE_SYSTEM = 7,
	STEPS_MAX =
		1 << 24, /* extents and blocks read: of a bad image, many files may share them */
};

struct ext4 {
	struct filemap_maker *maker;
	ext2_filsys system;
	GHashTable *seen; /* inode numbers */
	GQueue *folders;  /* struct ext4_folder, to be read */
	unsigned steps;
	gboolean is_full;
};

struct ext4_folder {
	ext2_ino_t number;
	char *path;
};

struct ext4_inode {
	ext2_ino_t number;
	uint64_t offset; /* in the image */
	struct ext2_inode inode;
};

struct block_walk {
	struct ext4 *ext4;
	struct filemap_draft *draft;
};

gboolean filemap_is_ext4(const struct filemap_maker *maker)
{
	return maker->size_bytes >= SUPER_OFFSET + 1024 &&
	       bytes_load_u16(maker->bytes + SUPER_OFFSET + SUPER_MAGIC) == MAGIC;
}

static uint64_t inode_offset(ext2_filsys system, ext2_ino_t number)
{
	const uint32_t per_group = system->super->s_inodes_per_group;
	const blk64_t table = ext2fs_inode_table_loc(system, (number - 1) / per_group);

	return table * system->blocksize +
	       (uint64_t)((number - 1) % per_group) * EXT2_INODE_SIZE(system->super);
}

/* FALSE: enough has been read. */
static gboolean step(struct ext4 *ext4, struct filemap_draft *draft)
{
	if (ext4->steps >= STEPS_MAX)
		draft->is_full = TRUE;
	ext4->steps++;
	return !draft->is_full;
}

static void blocks_add(struct ext4 *ext4, struct filemap_draft *draft, uint64_t first,
		       uint64_t image_block, uint64_t count)
{
	const uint64_t size = ext4->system->blocksize;
	const struct filemap_extent extent = { first * size, image_block * size, count * size };

	filemap_draft_extent(ext4->maker, draft, extent);
}

static void extents_map(struct ext4 *ext4, struct ext4_inode *inode, struct filemap_draft *draft)
{
	struct ext2fs_extent extent;
	ext2_extent_handle_t handle;
	errcode_t why;

	if (ext2fs_extent_open2(ext4->system, inode->number, &inode->inode, &handle) != 0) {
		draft->file.flags |= FILEMAP_DAMAGED;
		return;
	}
	why = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);
	while (why == 0 && step(ext4, draft)) {
		const gboolean is_data = (extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) != 0 &&
					 (extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0;

		if (is_data)
			blocks_add(ext4, draft, extent.e_lblk, extent.e_pblk, extent.e_len);
		why = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT, &extent);
	}
	if (why != 0 && why != EXT2_ET_EXTENT_NO_NEXT && why != EXT2_ET_NO_CURRENT_NODE)
		draft->file.flags |= FILEMAP_DAMAGED;
	ext2fs_extent_free(handle);
}

static int block_seen(ext2_filsys system, blk64_t *block, e2_blkcnt_t index, blk64_t parent,
		      int offset, void *data)
{
	struct block_walk *walk = data;

	if (!step(walk->ext4, walk->draft))
		return BLOCK_ABORT;
	if (index >= 0)
		blocks_add(walk->ext4, walk->draft, (uint64_t)index, *block, 1);
	return 0;
}

static void blocks_map(struct ext4 *ext4, struct ext4_inode *inode, struct filemap_draft *draft)
{
	struct block_walk walk = { ext4, draft };

	if (ext2fs_block_iterate3(ext4->system, inode->number,
				  BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL, block_seen,
				  &walk) != 0)
		draft->file.flags |= FILEMAP_DAMAGED;
}

/* Where the value of the attribute system.data stands, in an inode that is wholly in the image. */
static gboolean inline_rest(const uint8_t *inode, size_t inode_size,
			    struct filemap_extent *ret_rest)
{
	size_t first;
	size_t at;

	if (inode_size <= INODE_OLD_SIZE + 2)
		return FALSE;
	first = INODE_OLD_SIZE + (size_t)bytes_load_u16(inode + INODE_OLD_SIZE);
	first += ATTRIBUTES_MAGIC_SIZE;
	for (at = first; bytes_range_is_inside(at, ATTRIBUTE_SIZE + 4, inode_size);) {
		const uint8_t *entry = inode + at;
		const uint64_t value = first + bytes_load_u16(entry + ATTRIBUTE_VALUE);
		const uint64_t size = bytes_load_u32(entry + ATTRIBUTE_VALUE_SIZE);

		if (bytes_load_u32(entry) == 0)
			return FALSE;
		if (entry[0] == 4 && entry[1] == ATTRIBUTE_SYSTEM &&
		    memcmp(entry + ATTRIBUTE_SIZE, "data", 4) == 0) {
			*ret_rest = (struct filemap_extent){ INODE_BLOCKS_SIZE, value, size };
			return bytes_range_is_inside(value, size, inode_size);
		}
		at += ATTRIBUTE_SIZE + (size_t)(entry[0] + 3) / 4 * 4;
	}
	return FALSE;
}

static void inline_map(struct ext4 *ext4, const struct ext4_inode *inode,
		       struct filemap_draft *draft)
{
	const size_t inode_size = EXT2_INODE_SIZE(ext4->system->super);
	struct filemap_extent rest;
	const struct filemap_extent start = { 0, inode->offset + INODE_BLOCKS, INODE_BLOCKS_SIZE };

	draft->file.flags |= FILEMAP_INLINE_TAIL;
	filemap_draft_extent(ext4->maker, draft, start);
	if (draft->file.size_bytes <= INODE_BLOCKS_SIZE)
		return;
	if (!bytes_range_is_inside(inode->offset, inode_size, ext4->maker->size_bytes) ||
	    !inline_rest(ext4->maker->bytes + inode->offset, inode_size, &rest)) {
		draft->file.flags |= FILEMAP_DAMAGED;
		return;
	}
	rest.image_offset += inode->offset;
	filemap_draft_extent(ext4->maker, draft, rest);
}

static void file_add(struct ext4 *ext4, struct ext4_inode *inode, const char *path)
{
	struct filemap_draft draft = filemap_draft_new(ext4->maker, EXT2_I_SIZE(&inode->inode));

	if ((inode->inode.i_flags & EXT4_INLINE_DATA_FL) != 0)
		inline_map(ext4, inode, &draft);
	else if ((inode->inode.i_flags & EXT4_EXTENTS_FL) != 0)
		extents_map(ext4, inode, &draft);
	else
		blocks_map(ext4, inode, &draft);
	ext4->is_full = !filemap_draft_add(ext4->maker, &draft, path);
}

static void stamp_add(struct ext4 *ext4, const struct ext4_inode *inode)
{
	const struct filemap_stamp stamp = { inode->offset + INODE_TIMES, INODE_TIMES_SIZE,
					     inode->inode.i_mtime };

	if (bytes_range_is_inside(stamp.image_offset, stamp.size_bytes, ext4->maker->size_bytes))
		g_array_append_val(ext4->maker->map->stamps, stamp);
}

static void entry_add(struct ext4 *ext4, ext2_ino_t number, const char *path)
{
	struct ext4_inode inode = { .number = number };
	struct ext4_folder *folder;

	if (!g_hash_table_add(ext4->seen, GUINT_TO_POINTER(number)))
		return; /* a hard link, or a folder inside itself */
	ext4->is_full = g_hash_table_size(ext4->seen) > FILEMAP_FILES_MAX;
	ext4->maker->map->is_partial |= ext4->is_full;
	if (ext4->is_full)
		return;
	if (ext2fs_read_inode(ext4->system, number, &inode.inode) != 0) {
		ext4->maker->map->damaged_count++;
		return;
	}
	inode.offset = inode_offset(ext4->system, number);
	stamp_add(ext4, &inode);
	if (LINUX_S_ISREG(inode.inode.i_mode))
		file_add(ext4, &inode, path);
	if (!LINUX_S_ISDIR(inode.inode.i_mode))
		return;
	folder = g_new(struct ext4_folder, 1);
	*folder = (struct ext4_folder){ number, g_strdup(path) };
	g_queue_push_tail(ext4->folders, folder);
}

struct folder_walk {
	struct ext4 *ext4;
	const char *path;
};

static int entry_seen(ext2_ino_t folder, int entry, struct ext2_dir_entry *found, int offset,
		      int block_size, char *buffer, void *data)
{
	struct folder_walk *walk = data;
	const size_t size = (size_t)ext2fs_dirent_name_len(found);
	g_autofree char *path = NULL;

	if (entry != DIRENT_OTHER_FILE || memchr(found->name, '/', size) != NULL)
		return 0;
	path = filemap_path(walk->path, found->name, size);
	if (path != NULL)
		entry_add(walk->ext4, found->inode, path);
	return walk->ext4->is_full ? DIRENT_ABORT : 0;
}

static void folder_free(struct ext4_folder *folder)
{
	g_free(folder->path);
	g_free(folder);
}

static void walk_folders(struct ext4 *ext4)
{
	entry_add(ext4, EXT2_ROOT_INO, "");
	while (!ext4->is_full && !g_queue_is_empty(ext4->folders)) {
		struct ext4_folder *folder = g_queue_pop_head(ext4->folders);
		struct folder_walk walk = { ext4, folder->path };

		if (ext2fs_dir_iterate2(ext4->system, folder->number, 0, NULL, entry_seen, &walk) !=
		    0)
			ext4->maker->map->damaged_count++;
		folder_free(folder);
	}
}

static void free_add(struct ext4 *ext4)
{
	const blk64_t end = ext2fs_blocks_count(ext4->system->super);
	const uint64_t size = ext4->system->blocksize;
	struct filemap *map = ext4->maker->map;
	blk64_t at = ext4->system->super->s_first_data_block;

	if (ext2fs_read_block_bitmap(ext4->system) != 0)
		return;
	while (at < end && map->free_extents->len < FILEMAP_EXTENTS_MAX) {
		struct filemap_extent extent = { 0 };
		blk64_t first;
		blk64_t used;

		if (ext2fs_find_first_zero_block_bitmap2(ext4->system->block_map, at, end - 1,
							 &first) != 0)
			return;
		if (ext2fs_find_first_set_block_bitmap2(ext4->system->block_map, first, end - 1,
							&used) != 0)
			used = end;
		extent.image_offset = first * size;
		extent.size_bytes = (used - first) * size;
		if (bytes_range_is_inside(extent.image_offset, extent.size_bytes, map->size_bytes))
			g_array_append_val(map->free_extents, extent);
		at = used;
	}
}

void filemap_ext4(struct filemap_maker *maker, const char *image_path)
{
	struct ext4 ext4 = { .maker = maker };

	if (ext2fs_open(image_path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &ext4.system) != 0) {
		maker->map->damaged_count++;
		return;
	}
	maker->map->block_size = ext4.system->blocksize;
	ext4.seen = g_hash_table_new(NULL, NULL);
	ext4.folders = g_queue_new();
	walk_folders(&ext4);
	free_add(&ext4);
	g_queue_free_full(ext4.folders, (GDestroyNotify)folder_free);
	g_hash_table_unref(ext4.seen);
	(void)ext2fs_close(ext4.system); /* nothing was written */
}

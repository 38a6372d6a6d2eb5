/* SPDX-License-Identifier: MIT */
/* EROFS, as the kernel documents it (Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h). All
 * is little-endian. The superblock is at byte 1024:
 *
 * offset  size  field
 *      0     4  magic
 *     12     1  block size, as a power of two
 *     14     2  inode number of the root
 *     24     8  time of the build: of each compact inode
 *     40     4  block where the inodes start: number N is at 32 * N from there
 *     80     4  features that a reader must know
 *     90     1  size of a block of a folder, as a power of two in blocks
 *
 * Inode, compact (32 bytes) or extended (64 bytes):
 *
 *      0     2  bit 0: extended; bits 1 to 3: layout of the data
 *      2     2  extended attributes: 0, or n for 12 + 4 * (n - 1) bytes behind the inode
 *      4     2  mode
 *      8   4/8  size
 *     16     4  first block of the data; of chunks, their form
 *     32     8  time of modification (extended)
 *
 * Behind both: the tail of inline data, or the blocks of the chunks. */
#include <string.h>

#include "bytes.h"
#include "filemap_private.h"

static const uint32_t MAGIC = 0xe0f5e1e2;
static const uint32_t NO_BLOCK = 0xffffffff;
/* Compression, chunks, devices and name prefixes move nothing that is read here. */
static const uint32_t FEATURES_KNOWN = 0x7f;

enum {
	SUPER_OFFSET = 1024,
	SUPER_SIZE = 128,
	SUPER_BLOCK_BITS = 12,
	SUPER_ROOT = 14,
	SUPER_TIME = 24,
	SUPER_META = 40,
	SUPER_FEATURES = 80,
	SUPER_FOLDER_BITS = 90,
	BLOCK_BITS_MIN = 9,
	BLOCK_BITS_MAX = 16,
	INODE_UNIT = 32,
	INODE_EXTENDED_SIZE = 64,
	INODE_TIME = 32,
	TIME_SIZE = 12, /* seconds and nanoseconds */
	LAYOUT_PLAIN = 0,
	LAYOUT_INLINE = 2,
	LAYOUT_CHUNKS = 4,
	CHUNK_BITS_MASK = 0x1f,
	CHUNK_INDEXES = 0x20, /* 8 bytes each, with a device, instead of 4 */
	MODE_TYPE = 0170000,
	MODE_REGULAR = 0100000,
	MODE_FOLDER = 0040000,
	ENTRY_SIZE = 12,
	ENTRY_NAME = 8,
	FOLDER_SIZE_MAX = 1 << 26,
	FOLDERS_SIZE_MAX = 1 << 30, /* of all together: folders may share blocks, in a bad image */
	CHUNKS_MAX = 1 << 26,       /* of all files together, for the same reason */
};

struct erofs {
	struct filemap_maker *maker;
	uint64_t meta_offset;
	unsigned block_bits;
	uint64_t folder_bytes, chunks; /* read so far */
	GHashTable *seen;              /* inode numbers plus one */
	GQueue *folders;               /* struct erofs_folder, to be read */
};

struct erofs_folder {
	uint64_t number;
	char *path;
};

struct erofs_inode {
	uint64_t offset;      /* in the image */
	uint64_t data_offset; /* in the image: what stands behind it and its attributes */
	uint64_t size_bytes;
	uint32_t block; /* or form of the chunks */
	unsigned layout;
	unsigned type; /* of the mode */
};

gboolean filemap_is_erofs(const struct filemap_maker *maker)
{
	return maker->size_bytes >= SUPER_OFFSET + SUPER_SIZE &&
	       bytes_load_u32(maker->bytes + SUPER_OFFSET) == MAGIC;
}

static void stamp_add(struct erofs *erofs, uint64_t offset, const uint8_t *bytes)
{
	const struct filemap_stamp stamp = { offset, TIME_SIZE, (gint64)bytes_load_u64(bytes) };

	g_array_append_val(erofs->maker->map->stamps, stamp);
}

/* FALSE: it is not inside the image. */
static gboolean inode_read(struct erofs *erofs, uint64_t number, struct erofs_inode *ret_inode)
{
	const uint64_t size_bytes = erofs->maker->size_bytes;
	struct erofs_inode inode;
	const uint8_t *bytes;
	uint64_t inode_size;
	unsigned attributes;

	if (number > size_bytes / INODE_UNIT)
		return FALSE;
	inode.offset = erofs->meta_offset + number * INODE_UNIT;
	if (!bytes_range_is_inside(inode.offset, INODE_UNIT, size_bytes))
		return FALSE;
	bytes = erofs->maker->bytes + inode.offset;
	inode_size = (bytes[0] & 1) != 0 ? INODE_EXTENDED_SIZE : INODE_UNIT;
	if (!bytes_range_is_inside(inode.offset, inode_size, size_bytes))
		return FALSE;
	attributes = bytes_load_u16(bytes + 2);
	inode.layout = bytes_load_u16(bytes) >> 1 & 7;
	inode.type = bytes_load_u16(bytes + 4) & MODE_TYPE;
	inode.size_bytes = inode_size == INODE_UNIT ? bytes_load_u32(bytes + 8)
						    : bytes_load_u64(bytes + 8);
	inode.block = bytes_load_u32(bytes + 16);
	inode.data_offset = inode.offset + inode_size +
			    (attributes == 0 ? 0 : 12 + 4 * (attributes - 1));
	if (inode_size == INODE_EXTENDED_SIZE)
		stamp_add(erofs, inode.offset + INODE_TIME, bytes + INODE_TIME);
	*ret_inode = inode;
	return TRUE;
}

static void flat_map(struct erofs *erofs, const struct erofs_inode *inode,
		     struct filemap_draft *draft)
{
	const uint64_t block_size = (uint64_t)1 << erofs->block_bits;
	const uint64_t size = inode->size_bytes;
	const uint64_t body = inode->layout == LAYOUT_INLINE && size > 0
				      ? (size - 1) / block_size * block_size
				      : size;
	const struct filemap_extent start = { 0, (uint64_t)inode->block << erofs->block_bits,
					      body };
	const struct filemap_extent tail = { body, inode->data_offset, size - body };

	if (body > 0 && inode->block != NO_BLOCK)
		filemap_draft_extent(erofs->maker, draft, start);
	if (body < size) {
		filemap_draft_extent(erofs->maker, draft, tail);
		draft->file.flags |= FILEMAP_INLINE_TAIL;
	}
}

/* Where a chunk starts; FALSE: it is a hole, or on another device. */
static gboolean chunk_block(const uint8_t *entry, unsigned entry_size, uint32_t *ret_block)
{
	*ret_block = bytes_load_u32(entry + entry_size - 4);
	return *ret_block != NO_BLOCK && (entry_size == 4 || bytes_load_u16(entry + 2) == 0);
}

static void chunks_map(struct erofs *erofs, const struct erofs_inode *inode,
		       struct filemap_draft *draft)
{
	const unsigned entry_size = (inode->block & CHUNK_INDEXES) != 0 ? 8 : 4;
	const unsigned bits = erofs->block_bits + (inode->block & CHUNK_BITS_MASK);
	const uint64_t table = (inode->data_offset + entry_size - 1) / entry_size * entry_size;
	const uint64_t count = (inode->size_bytes >> bits) +
			       ((inode->size_bytes & (((uint64_t)1 << bits) - 1)) != 0);

	if (count > CHUNKS_MAX - erofs->chunks) {
		draft->is_full = TRUE;
		return;
	}
	if (!bytes_range_is_inside(table, count * entry_size, erofs->maker->size_bytes)) {
		draft->file.flags |= FILEMAP_DAMAGED;
		return;
	}
	erofs->chunks += count;
	for (uint64_t i = 0; i < count; i++) {
		struct filemap_extent extent = { i << bits, 0, (uint64_t)1 << bits };
		uint32_t block;

		if (!chunk_block(erofs->maker->bytes + table + i * entry_size, entry_size, &block))
			continue;
		extent.image_offset = (uint64_t)block << erofs->block_bits;
		filemap_draft_extent(erofs->maker, draft, extent);
	}
}

static void data_map(struct erofs *erofs, const struct erofs_inode *inode,
		     struct filemap_draft *draft)
{
	if (inode->layout == LAYOUT_PLAIN || inode->layout == LAYOUT_INLINE)
		flat_map(erofs, inode, draft);
	else if (inode->layout == LAYOUT_CHUNKS)
		chunks_map(erofs, inode, draft);
	else
		draft->file.flags |= FILEMAP_COMPRESSED;
}

static void folder_free(struct erofs_folder *folder)
{
	g_free(folder->path);
	g_free(folder);
}

/* FALSE: the map is full. */
static gboolean entry_add(struct erofs *erofs, uint64_t number, const char *path)
{
	struct erofs_inode inode;
	struct filemap_draft draft;

	if (number >= G_MAXSIZE || !g_hash_table_add(erofs->seen, (gpointer)(number + 1)))
		return TRUE; /* a hard link, or a folder inside itself */
	if (g_hash_table_size(erofs->seen) > FILEMAP_FILES_MAX) {
		erofs->maker->map->is_partial = TRUE;
		return FALSE;
	}
	if (!inode_read(erofs, number, &inode)) {
		erofs->maker->map->damaged_count++;
		return TRUE;
	}
	if (inode.type == MODE_FOLDER) {
		struct erofs_folder *folder = g_new(struct erofs_folder, 1);

		*folder = (struct erofs_folder){ number, g_strdup(path) };
		g_queue_push_tail(erofs->folders, folder);
	}
	if (inode.type != MODE_REGULAR)
		return TRUE;
	draft = filemap_draft_new(erofs->maker, inode.size_bytes);
	data_map(erofs, &inode, &draft);
	return filemap_draft_add(erofs->maker, &draft, path);
}

static gboolean is_name(const char *name, size_t size)
{
	const gboolean is_dots = (size == 1 && name[0] == '.') ||
				 (size == 2 && name[0] == '.' && name[1] == '.');

	return size > 0 && !is_dots && memchr(name, '/', size) == NULL;
}

/* One block of a folder: its entries, then their names; the last name may end at a NUL. */
static gboolean folder_block_read(struct erofs *erofs, const char *path, const uint8_t *block,
				  size_t size_bytes)
{
	const size_t names = size_bytes >= ENTRY_SIZE ? bytes_load_u16(block + ENTRY_NAME) : 0;
	const size_t count = names / ENTRY_SIZE;

	if (names > size_bytes || names % ENTRY_SIZE != 0) {
		erofs->maker->map->damaged_count++;
		return TRUE;
	}
	for (size_t i = 0; i < count; i++) {
		const uint8_t *entry = block + i * ENTRY_SIZE;
		const size_t start = bytes_load_u16(entry + ENTRY_NAME);
		const size_t end = i + 1 < count ? bytes_load_u16(entry + ENTRY_SIZE + ENTRY_NAME)
						 : size_bytes;
		const char *name = (const char *)block + start;
		g_autofree char *inner = NULL;
		size_t size;

		if (start > end || end > size_bytes) {
			erofs->maker->map->damaged_count++;
			return TRUE;
		}
		size = strnlen(name, end - start);
		inner = is_name(name, size) ? filemap_path(path, name, size) : NULL;
		if (inner != NULL && !entry_add(erofs, bytes_load_u64(entry), inner))
			return FALSE;
	}
	return TRUE;
}

/* The folder's content, or NULL. */
static GBytes *folder_content(struct erofs *erofs, uint64_t number)
{
	struct filemap *map = erofs->maker->map;
	const guint stamps = map->stamps->len;
	struct filemap_draft draft;
	struct erofs_inode inode;
	GBytes *content = NULL;

	if (!inode_read(erofs, number, &inode))
		return NULL;
	g_array_set_size(map->stamps, stamps); /* it has been added when it was found */
	if (inode.size_bytes > FOLDER_SIZE_MAX ||
	    inode.size_bytes > FOLDERS_SIZE_MAX - erofs->folder_bytes)
		return NULL;
	erofs->folder_bytes += inode.size_bytes;
	draft = filemap_draft_new(erofs->maker, inode.size_bytes);
	data_map(erofs, &inode, &draft);
	draft.file.extent_count = map->extents->len - draft.file.first_extent;
	if (!draft.is_full)
		content = filemap_read(map, &draft.file, erofs->maker->bytes, FOLDER_SIZE_MAX);
	g_array_set_size(map->extents, draft.file.first_extent);
	return content;
}

static gboolean folder_read(struct erofs *erofs, const struct erofs_folder *folder)
{
	const size_t block_size = (size_t)1 << erofs->block_bits;
	g_autoptr(GBytes) content = folder_content(erofs, folder->number);
	const uint8_t *bytes;
	gsize size_bytes;

	if (content == NULL) {
		erofs->maker->map->damaged_count++;
		return TRUE;
	}
	bytes = g_bytes_get_data(content, &size_bytes);
	for (size_t at = 0; at < size_bytes; at += block_size)
		if (!folder_block_read(erofs, folder->path, bytes + at,
				       MIN(block_size, size_bytes - at)))
			return FALSE;
	return TRUE;
}

static void walk(struct erofs *erofs, uint64_t root)
{
	gboolean has_room = entry_add(erofs, root, "");

	while (has_room && !g_queue_is_empty(erofs->folders)) {
		struct erofs_folder *folder = g_queue_pop_head(erofs->folders);

		has_room = folder_read(erofs, folder);
		folder_free(folder);
	}
}

void filemap_erofs(struct filemap_maker *maker)
{
	const uint8_t *super = maker->bytes + SUPER_OFFSET;
	struct erofs erofs = {
		.maker = maker,
		.block_bits = super[SUPER_BLOCK_BITS],
	};

	if (erofs.block_bits < BLOCK_BITS_MIN || erofs.block_bits > BLOCK_BITS_MAX ||
	    super[SUPER_FOLDER_BITS] != 0 ||
	    (bytes_load_u32(super + SUPER_FEATURES) & ~FEATURES_KNOWN) != 0) {
		maker->map->damaged_count++;
		return;
	}
	maker->map->block_size = 1u << erofs.block_bits;
	erofs.meta_offset = (uint64_t)bytes_load_u32(super + SUPER_META) << erofs.block_bits;
	stamp_add(&erofs, SUPER_OFFSET + SUPER_TIME, super + SUPER_TIME);
	erofs.seen = g_hash_table_new(NULL, NULL);
	erofs.folders = g_queue_new();
	walk(&erofs, bytes_load_u16(super + SUPER_ROOT));
	g_queue_free_full(erofs.folders, (GDestroyNotify)folder_free);
	g_hash_table_unref(erofs.seen);
}

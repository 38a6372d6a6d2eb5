/* SPDX-License-Identifier: MIT */
/* Beside what filemap_erofs.c reads:
 *
 * superblock, offset  size  field
 *                  4     4  CRC-32C, not inverted, of its block from here on, with 0 in this place
 *                  8     4  compatible features: 1 checksum, 2 times are those of the files
 *                 16     8  number of inodes
 *                 36     4  blocks of the image
 *                 48    16  UUID
 *
 * inode, compact      6     2  links
 *                    20     4  number for stat(2), from 1 on
 *                    24     2  owner, 26: group
 * inode, extended    20     4  number for stat(2)
 *                    24     4  owner, 28: group
 *                    44     4  links
 *
 * Attributes: 12 bytes of zeros (none are shared), then each at a multiple of 4: size of the name,
 * kind of its prefix, size of the value (2 bytes), name without the prefix, value. */
#include "erofswrite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "crc32c.h"
#include "failure.h"
#include "veritree.h"

static const uint32_t MAGIC = 0xe0f5e1e2;

enum {
	BLOCK = EROFSWRITE_BLOCK_SIZE,
	SUPER = 1024,
	FEATURES_COMPATIBLE = 1 | 2,
	UNIT = 32,
	COMPACT_SIZE = 32,
	EXTENDED_SIZE = 64,
	LAYOUT_PLAIN = 0 << 1,
	LAYOUT_INLINE = 2 << 1,
	EXTENDED = 1,
	ATTRIBUTES_HEAD = 12,
	ATTRIBUTES_SIZE_MAX = 65536,
	ENTRY_SIZE = 12,
	TYPE_FILE = 1,
	TYPE_FOLDER = 2,
	TYPE_LINK = 7,
};

static const struct {
	const char *prefix;
	uint8_t kind;
	gboolean whole; /* nothing may follow the prefix */
} PREFIXES[] = {
	{ "user.", 1, FALSE },
	{ "system.posix_acl_access", 2, TRUE },
	{ "system.posix_acl_default", 3, TRUE },
	{ "trusted.", 4, FALSE },
	{ "security.", 6, FALSE },
};

struct inode {
	const struct imagetree_node *node;
	guint parent;
	guint first_child; /* of a folder: the others follow */
	uint64_t offset;   /* in the image */
	uint32_t attributes_size;
	uint32_t links;
	uint64_t size_bytes; /* of the content: of a folder, its entries */
	uint64_t block;      /* of the content that does not stand behind the inode */
	gboolean is_extended;
	gboolean is_inline; /* what is left behind the last whole block stands behind the inode */
};

struct writer {
	const struct erofswrite *options;
	GArray *inodes;         /* struct inode, a folder's children in one run */
	GHashTable *contents;   /* name of a content -> its index plus one */
	uint64_t metadata_size; /* up to the first content */
	uint64_t size_bytes;
	uint8_t *metadata;
};

static struct inode *inode_at(const struct writer *writer, guint index)
{
	return &g_array_index(writer->inodes, struct inode, index);
}

static uint64_t round_up(uint64_t size, uint64_t unit)
{
	return (size + unit - 1) / unit * unit;
}

/* Index in PREFIXES, and what follows the prefix; -1: EROFS has no place for it. */
static int prefix_find(const char *name, const char **ret_rest)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(PREFIXES); i++)
		if (g_str_has_prefix(name, PREFIXES[i].prefix)) {
			*ret_rest = name + strlen(PREFIXES[i].prefix);
			return PREFIXES[i].whole == (**ret_rest == 0) ? (int)i : -1;
		}
	return -1;
}

/* One attribute as it stands in the image; what `ret_bytes` points to is zeros, or NULL: only its
 * size is wanted. 0: it cannot be had. */
static uint32_t attribute_encode(GVariant *attribute, uint8_t *ret_bytes)
{
	g_autoptr(GVariant) value = g_variant_get_child_value(attribute, 1);
	const gsize value_size = g_variant_get_size(value);
	const char *name, *rest;
	size_t name_size;
	int prefix;

	g_variant_get_child(attribute, 0, "^&ay", &name);
	prefix = prefix_find(name, &rest);
	name_size = prefix >= 0 ? strlen(rest) : 0;
	if (prefix < 0 || name_size > UINT8_MAX || value_size > UINT16_MAX)
		return 0;
	if (ret_bytes != NULL) {
		ret_bytes[0] = (uint8_t)name_size;
		ret_bytes[1] = PREFIXES[prefix].kind;
		bytes_store_u16(ret_bytes + 2, (uint16_t)value_size);
		memcpy(ret_bytes + 4, rest, name_size);
		if (value_size > 0)
			memcpy(ret_bytes + 4 + name_size, g_variant_get_data(value), value_size);
	}
	return (uint32_t)round_up(4 + name_size + value_size, 4);
}

static gboolean attributes_measure(struct inode *inode, GError **error)
{
	GVariant *attributes = inode->node->attributes;
	const gsize count = attributes != NULL ? g_variant_n_children(attributes) : 0;

	for (gsize i = 0; i < count; i++) {
		g_autoptr(GVariant) attribute = g_variant_get_child_value(attributes, i);
		const uint32_t size = attribute_encode(attribute, NULL);
		const char *name;

		g_variant_get_child(attribute, 0, "^&ay", &name);
		if (size == 0 || inode->attributes_size + size > ATTRIBUTES_SIZE_MAX)
			return failure_set(
				error, FAULT_OSTREE_TREE,
				"\"%s\" has the extended attribute %s, which EROFS cannot keep",
				inode->node->name, name);
		inode->attributes_size += size + (i == 0 ? ATTRIBUTES_HEAD : 0);
	}
	return TRUE;
}

static gboolean inode_add(struct writer *writer, const struct imagetree_node *node, guint parent,
			  GError **error)
{
	struct inode inode = { .node = node, .parent = parent, .links = 1 };

	if (writer->inodes->len == IMAGETREE_NODES_MAX)
		return failure_set(error, FAULT_OSTREE_LIMIT, "the tree has more than %d files",
				   IMAGETREE_NODES_MAX);
	inode.size_bytes = node->size_bytes;
	if (!attributes_measure(&inode, error))
		return FALSE;
	g_array_append_val(writer->inodes, inode);
	return TRUE;
}

/* All nodes, folder by folder. */
static gboolean inodes_list(struct writer *writer, const struct imagetree_node *root,
			    GError **error)
{
	if (!inode_add(writer, root, 0, error))
		return FALSE;
	for (guint i = 0; i < writer->inodes->len; i++) {
		const GPtrArray *children = inode_at(writer, i)->node->children;

		inode_at(writer, i)->first_child = writer->inodes->len;
		if (children == NULL)
			continue;
		inode_at(writer, i)->links = 2;
		for (guint k = 0; k < children->len; k++) {
			const struct imagetree_node *child = children->pdata[k];

			inode_at(writer, i)->links += S_ISDIR(child->mode) ? 1 : 0;
			if (!inode_add(writer, child, i, error))
				return FALSE;
		}
	}
	return TRUE;
}

/* A folder's entries in their order: by name, "." and ".." among them. */
struct entry {
	const char *name;
	guint inode;
};

static int compare_entries(gconstpointer a, gconstpointer b)
{
	const struct entry *first = a, *second = b;

	return strcmp(first->name, second->name);
}

static GArray *entries_list(const struct writer *writer, guint index)
{
	const struct inode *folder = inode_at(writer, index);
	const struct entry dots[] = { { ".", index }, { "..", folder->parent } };
	GArray *entries = g_array_new(FALSE, FALSE, sizeof(struct entry));

	g_array_append_vals(entries, dots, G_N_ELEMENTS(dots));
	for (guint i = 0; i < folder->node->children->len; i++) {
		const struct imagetree_node *child = folder->node->children->pdata[i];
		const struct entry entry = { child->name, folder->first_child + i };

		g_array_append_val(entries, entry);
	}
	g_array_sort(entries, compare_entries);
	return entries;
}

/* How many entries from `first` on fit into one block, and the bytes that they take. */
static guint entries_fit(const GArray *entries, guint first, uint32_t *ret_size)
{
	uint32_t size = 0;
	guint i = first;

	for (; i < entries->len; i++) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		const uint32_t more = ENTRY_SIZE + (uint32_t)strlen(entry->name);

		if (size + more > BLOCK)
			break;
		size += more;
	}
	*ret_size = size;
	return i - first;
}

static uint64_t folder_measure(const struct writer *writer, guint index)
{
	g_autoptr(GArray) entries = entries_list(writer, index);
	uint64_t size_bytes = 0;
	uint32_t size = 0;

	for (guint i = 0; i < entries->len;) {
		size_bytes = round_up(size_bytes, BLOCK);
		i += entries_fit(entries, i, &size);
		size_bytes += size;
	}
	return size_bytes;
}

/* An inode with what stands behind it does not cross the end of a block, where that can be. */
static void inode_place(struct writer *writer, struct inode *inode)
{
	const struct imagetree_node *node = inode->node;
	const uint64_t tail = inode->size_bytes % BLOCK;
	uint64_t size;

	inode->is_extended = node->uid > UINT16_MAX || node->gid > UINT16_MAX ||
			     inode->size_bytes > UINT32_MAX || inode->links > UINT16_MAX;
	size = (inode->is_extended ? EXTENDED_SIZE : COMPACT_SIZE) + inode->attributes_size;
	inode->is_inline = !S_ISREG(node->mode) && tail != 0 && size + tail <= BLOCK;
	size += inode->is_inline ? tail : 0;
	if (writer->metadata_size % BLOCK + size > BLOCK)
		writer->metadata_size = round_up(writer->metadata_size, BLOCK);
	inode->offset = writer->metadata_size;
	writer->metadata_size = round_up(inode->offset + size, UNIT);
}

/* Whole blocks of folders and links, behind the inodes. */
static void body_place(struct writer *writer, struct inode *inode)
{
	const uint64_t tail = inode->is_inline ? inode->size_bytes % BLOCK : 0;

	if (S_ISREG(inode->node->mode) || inode->size_bytes == tail)
		return;
	inode->block = writer->metadata_size / BLOCK;
	writer->metadata_size += round_up(inode->size_bytes - tail, BLOCK);
}

static void content_place(struct writer *writer, guint index)
{
	struct inode *inode = inode_at(writer, index);
	const struct imagetree_node *node = inode->node;
	const guint known = GPOINTER_TO_UINT(g_hash_table_lookup(writer->contents, node->content));

	if (!S_ISREG(node->mode) || node->size_bytes == 0)
		return;
	if (known != 0) {
		inode->block = inode_at(writer, known - 1)->block;
		return;
	}
	inode->block = writer->size_bytes / BLOCK;
	writer->size_bytes += round_up(node->size_bytes, BLOCK);
	g_hash_table_insert(writer->contents, (gpointer)node->content, GUINT_TO_POINTER(index + 1));
}

static gboolean content_fits(const struct writer *writer, const struct inode *inode)
{
	const uint64_t most = VERITREE_DATA_BLOCKS_MAX * BLOCK;

	return !S_ISREG(inode->node->mode) || inode->size_bytes <= most - writer->size_bytes;
}

static gboolean layout(struct writer *writer, GError **error)
{
	writer->metadata_size = BLOCK; /* of the superblock */
	for (guint i = 0; i < writer->inodes->len; i++) {
		struct inode *inode = inode_at(writer, i);

		if (inode->node->children != NULL)
			inode->size_bytes = folder_measure(writer, i);
		inode_place(writer, inode);
	}
	writer->metadata_size = round_up(writer->metadata_size, BLOCK);
	for (guint i = 0; i < writer->inodes->len; i++)
		body_place(writer, inode_at(writer, i));
	if (writer->metadata_size > EROFSWRITE_METADATA_MAX)
		return failure_set(error, FAULT_OSTREE_LIMIT,
				   "names and attributes take %" G_GUINT64_FORMAT " bytes",
				   writer->metadata_size);
	writer->size_bytes = writer->metadata_size;
	for (guint i = 0; i < writer->inodes->len; i++) {
		if (!content_fits(writer, inode_at(writer, i)))
			return failure_set(error, FAULT_OSTREE_LIMIT,
					   "the image would be larger than an image may be");
		content_place(writer, i);
	}
	return TRUE;
}

static uint8_t entry_type(const struct imagetree_node *node)
{
	return S_ISDIR(node->mode) ? TYPE_FOLDER : S_ISLNK(node->mode) ? TYPE_LINK : TYPE_FILE;
}

/* A folder's entries: their heads, then their names, block by block. */
static GByteArray *folder_encode(const struct writer *writer, guint index)
{
	g_autoptr(GArray) entries = entries_list(writer, index);
	GByteArray *content = g_byte_array_new();
	guint count;

	for (guint first = 0; first < entries->len; first += count) {
		const guint start = (guint)round_up(content->len, BLOCK);
		guint name_at;
		uint32_t size;

		count = entries_fit(entries, first, &size);
		name_at = count * ENTRY_SIZE;
		while (content->len < start)
			g_byte_array_append(content, (const guint8 *)"", 1);
		g_byte_array_set_size(content, start + size);
		for (guint i = 0; i < count; i++) {
			const struct entry *entry = &g_array_index(entries, struct entry,
								   first + i);
			const struct inode *inode = inode_at(writer, entry->inode);
			uint8_t *head = content->data + start + i * ENTRY_SIZE;
			const size_t name_size = strlen(entry->name);

			bytes_store_u64(head, inode->offset / UNIT);
			bytes_store_u16(head + 8, (uint16_t)name_at);
			head[10] = entry_type(inode->node);
			head[11] = 0;
			memcpy(content->data + start + name_at, entry->name, name_size);
			name_at += (guint)name_size;
		}
	}
	return content;
}

static void attributes_write(const struct inode *inode, uint8_t *at)
{
	at += ATTRIBUTES_HEAD;
	for (gsize i = 0; i < g_variant_n_children(inode->node->attributes); i++) {
		g_autoptr(GVariant)
			attribute = g_variant_get_child_value(inode->node->attributes, i);

		at += attribute_encode(attribute, at);
	}
}

static void body_write(struct writer *writer, const struct inode *inode, const uint8_t *content,
		       uint64_t behind)
{
	const uint64_t tail = inode->is_inline ? inode->size_bytes % BLOCK : 0;
	const uint64_t body = inode->size_bytes - tail;

	memcpy(writer->metadata + inode->block * BLOCK, content, body);
	memcpy(writer->metadata + behind, content + body, tail);
}

static void inode_write(struct writer *writer, guint index)
{
	const struct inode *inode = inode_at(writer, index);
	const struct imagetree_node *node = inode->node;
	uint8_t *at = writer->metadata + inode->offset;
	const uint32_t size = inode->is_extended ? EXTENDED_SIZE : COMPACT_SIZE;
	const uint32_t attributes = inode->attributes_size;

	bytes_store_u16(at, (uint16_t)((inode->is_extended ? EXTENDED : 0) |
				       (inode->is_inline ? LAYOUT_INLINE : LAYOUT_PLAIN)));
	bytes_store_u16(at + 2,
			(uint16_t)(attributes == 0 ? 0 : 1 + (attributes - ATTRIBUTES_HEAD) / 4));
	bytes_store_u16(at + 4, (uint16_t)node->mode);
	bytes_store_u32(at + 16, (uint32_t)inode->block);
	bytes_store_u32(at + 20, index + 1);
	if (inode->is_extended) {
		bytes_store_u64(at + 8, inode->size_bytes);
		bytes_store_u32(at + 24, node->uid);
		bytes_store_u32(at + 28, node->gid);
		bytes_store_u32(at + 44, inode->links);
	} else {
		bytes_store_u16(at + 6, (uint16_t)inode->links);
		bytes_store_u32(at + 8, (uint32_t)inode->size_bytes);
		bytes_store_u16(at + 24, (uint16_t)node->uid);
		bytes_store_u16(at + 26, (uint16_t)node->gid);
	}
	if (attributes != 0)
		attributes_write(inode, at + size);
	if (node->children != NULL) {
		g_autoptr(GByteArray) content = folder_encode(writer, index);

		body_write(writer, inode, content->data, inode->offset + size + attributes);
	} else if (node->target != NULL) {
		body_write(writer, inode, (const uint8_t *)node->target,
			   inode->offset + size + attributes);
	}
}

static void superblock_write(struct writer *writer)
{
	uint8_t *super = writer->metadata + SUPER;

	bytes_store_u32(super, MAGIC);
	bytes_store_u32(super + 8, FEATURES_COMPATIBLE);
	super[12] = 12;
	bytes_store_u16(super + 14, (uint16_t)(inode_at(writer, 0)->offset / UNIT));
	bytes_store_u64(super + 16, writer->inodes->len);
	bytes_store_u32(super + 36, (uint32_t)(writer->size_bytes / BLOCK));
	memcpy(super + 48, writer->options->uuid, EROFSWRITE_UUID_SIZE);
	bytes_store_u32(super + 4, ~crc32c(super, BLOCK - SUPER));
}

static gboolean metadata_write(struct writer *writer, int fd, GError **error)
{
	uint64_t done = 0;

	/* Sized first: what no content fills is zeros. */
	if (ftruncate(fd, (off_t)writer->size_bytes) < 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot size the image: %s",
				   g_strerror(errno));
	while (done < writer->metadata_size) {
		const ssize_t written = pwrite(fd, writer->metadata + done,
					       writer->metadata_size - done, (off_t)done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return failure_set(error, FAULT_BUILD_OUTPUT, "cannot write the image: %s",
					   g_strerror(errno));
		done += (uint64_t)written;
	}
	return TRUE;
}

static gboolean contents_write(struct writer *writer, int fd, GError **error)
{
	for (guint i = 0; i < writer->inodes->len; i++) {
		const struct inode *inode = inode_at(writer, i);
		const guint first = GPOINTER_TO_UINT(
			g_hash_table_lookup(writer->contents, inode->node->content));

		if (S_ISREG(inode->node->mode) && first == i + 1 &&
		    !writer->options->content(writer->options->user_data, inode->node, fd,
					      inode->block * BLOCK, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean image_write(struct writer *writer, const struct imagetree_node *root, int fd,
			    GError **error)
{
	if (!inodes_list(writer, root, error) || !layout(writer, error))
		return FALSE;
	writer->metadata = g_malloc0(writer->metadata_size);
	for (guint i = 0; i < writer->inodes->len; i++)
		inode_write(writer, i);
	superblock_write(writer);
	return metadata_write(writer, fd, error) && contents_write(writer, fd, error);
}

gboolean erofswrite_image(const struct erofswrite *options, const struct imagetree_node *root,
			  int fd, uint64_t *ret_size, GError **error)
{
	struct writer writer = { .options = options };
	gboolean done;

	writer.inodes = g_array_new(FALSE, FALSE, sizeof(struct inode));
	writer.contents = g_hash_table_new(g_str_hash, g_str_equal);
	done = image_write(&writer, root, fd, error);
	if (done)
		*ret_size = writer.size_bytes;
	g_array_unref(writer.inodes);
	g_hash_table_unref(writer.contents);
	g_free(writer.metadata);
	return done;
}

/* SPDX-License-Identifier: MIT */
#pragma once
/* EROFS writer: an image out of a tree, the same bytes for the same tree, whatever the machine, the
 * user, the time and the tools' versions; owners and extended attributes need no rights.
 *
 * Made so that updates are small: not compressed, each file's content at a block of its own, equal
 * contents once, all times 0. In order: superblock, inodes (folders and links with their content
 * behind them where it fits), large folders, contents. The format is described in filemap_erofs.c.
 * Linux 5.4 and later reads it. */

#include <glib.h>
#include <stdint.h>

#include "imagetree.h"

enum {
	EROFSWRITE_BLOCK_SIZE = 4096,
	EROFSWRITE_UUID_SIZE = 16,
	EROFSWRITE_METADATA_MAX = 1 << 30, /* bytes in front of the contents */
};

/* Puts a file's content, node->size_bytes, into `fd` from byte `offset` on. */
typedef gboolean (*erofswrite_content)(gpointer user_data, const struct imagetree_node *file,
				       int fd, uint64_t offset, GError **error);

struct erofswrite {
	uint8_t uuid[EROFSWRITE_UUID_SIZE];
	erofswrite_content content; /* called once for each content, by rising offset */
	gpointer user_data;
};

/* `fd` is a new, empty file; the root's children are sorted. *ret_size: bytes, whole blocks.
 * FAULT_OSTREE_LIMIT: the image would be too large; _TREE: an attribute that EROFS cannot have;
 * FAULT_BUILD_OUTPUT. */
gboolean erofswrite_image(const struct erofswrite *options, const struct imagetree_node *root,
			  int fd, uint64_t *ret_size, GError **error);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Image trees: the folders, files and links that a root image is to have, as values. Times are not
 * kept: all files of an image have the same. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
	IMAGETREE_NODES_MAX = 1 << 21,
	IMAGETREE_DEPTH_MAX = 128,
	IMAGETREE_NAME_MAX = 255,   /* bytes */
	IMAGETREE_LINK_MAX = 4095,  /* bytes of a symbolic link's target */
	IMAGETREE_CONTENT_MAX = 64, /* characters of a content's name */
};

struct imagetree_node {
	char *name;    /* "" for the root; any bytes but NUL and '/' */
	uint32_t mode; /* type and permissions: S_IFDIR, S_IFREG or S_IFLNK */
	uint32_t uid, gid;
	GVariant *attributes; /* extended ones: a(ayay), names with their NUL; NULL: none */
	uint64_t size_bytes;  /* of a file's content or a link's target */
	char *target;         /* of a link, else NULL */
	/* Of a file: names its bytes. What has the same name is stored once. */
	char content[IMAGETREE_CONTENT_MAX + 1];
	GPtrArray *children; /* of a folder: owned, by the bytes of their names; else NULL */
};
typedef struct imagetree_node ImagetreeNode; /* for g_autoptr() only */

/* Copies the name. */
struct imagetree_node *imagetree_new(const char *name, uint32_t mode);
void imagetree_free(struct imagetree_node *node); /* with all below it; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImagetreeNode, imagetree_free)

/* Brings the children into order. FAULT_OSTREE_TREE: two have the same name. */
gboolean imagetree_sort(struct imagetree_node *folder, GError **error);
/* NULL: there is none of that name. */
struct imagetree_node *imagetree_child(const struct imagetree_node *folder, const char *name);
/* A name that a file can have: not empty, ".", "..", too long, or with a '/'. */
gboolean imagetree_is_name(const char *name);

/* libostree keeps what a release has for /etc in /usr/etc: moves it there. What is in /etc already
 * must be an empty folder. FAULT_OSTREE_TREE. */
gboolean imagetree_place_etc(struct imagetree_node *root, GError **error);

/* SPDX-License-Identifier: MIT */
#include "imagetree.h"

#include <string.h>

#include "failure.h"

struct imagetree_node *imagetree_new(const char *name, uint32_t mode)
{
	struct imagetree_node *node = g_new0(struct imagetree_node, 1);

	node->name = g_strdup(name);
	node->mode = mode;
	if (S_ISDIR(mode))
		node->children = g_ptr_array_new_with_free_func((GDestroyNotify)imagetree_free);
	return node;
}

void imagetree_free(struct imagetree_node *node)
{
	if (node == NULL)
		return;
	g_clear_pointer(&node->attributes, g_variant_unref);
	g_clear_pointer(&node->children, g_ptr_array_unref);
	g_free(node->target);
	g_free(node->name);
	g_free(node);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	const struct imagetree_node *const *first = a, *const *second = b;

	return strcmp((*first)->name, (*second)->name);
}

gboolean imagetree_sort(struct imagetree_node *folder, GError **error)
{
	const GPtrArray *children = folder->children;

	g_ptr_array_sort(folder->children, compare_names);
	for (guint i = 1; i < children->len; i++) {
		const struct imagetree_node *before = children->pdata[i - 1];
		const struct imagetree_node *node = children->pdata[i];

		if (strcmp(before->name, node->name) == 0)
			return failure_set(error, FAULT_OSTREE_TREE,
					   "the folder \"%s\" has two entries \"%s\"", folder->name,
					   node->name);
	}
	return TRUE;
}

struct imagetree_node *imagetree_child(const struct imagetree_node *folder, const char *name)
{
	for (guint i = 0; folder->children != NULL && i < folder->children->len; i++) {
		struct imagetree_node *node = folder->children->pdata[i];

		if (strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

gboolean imagetree_is_name(const char *name)
{
	return name[0] != 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strlen(name) <= IMAGETREE_NAME_MAX && strchr(name, '/') == NULL;
}

gboolean imagetree_place_etc(struct imagetree_node *root, GError **error)
{
	struct imagetree_node *usr = imagetree_child(root, "usr");
	struct imagetree_node *defaults = usr != NULL ? imagetree_child(usr, "etc") : NULL;
	struct imagetree_node *etc = imagetree_child(root, "etc");
	guint index;

	if (defaults == NULL)
		return TRUE;
	if (etc != NULL && (etc->children == NULL || etc->children->len > 0))
		return failure_set(error, FAULT_OSTREE_TREE,
				   "the commit has both /usr/etc and an /etc that is not empty");
	if (etc != NULL)
		g_ptr_array_remove(root->children, etc);
	(void)g_ptr_array_find(usr->children, defaults, &index); /* it was found there */
	g_ptr_array_add(root->children, g_ptr_array_steal_index(usr->children, index));
	return imagetree_sort(root, error);
}

/* SPDX-License-Identifier: MIT */
#pragma once
/* Writing /etc: makes a folder that is the upper one of an overlay out of an etctree, bit for bit,
 * and puts it in the place of another. For root with all its rights, while nothing is mounted on
 * either. */

#include <glib.h>
#include <stdint.h>

#include "etctree.h"

struct etcwrite {
	/* The content of a file; NULL with a failure, as the write then has it. */
	GBytes *(*content)(gpointer data, const struct etctree_entry *entry, GError **error);
	gpointer data;
};

/* Makes the folder, which must not be there, and is on the disk as a whole when this returns.
 * FAULT_ETC_WRITE, those of content(): then it is there in part. */
gboolean etcwrite_tree(const char *path, const struct etctree *tree, const struct etcwrite *write,
		       GError **error);
/* Gives two folders each other's name, in one step that a power cut cannot divide. FAULT_ETC_WRITE.
 * On the disk when this returns. */
gboolean etcwrite_exchange(const char *parent, const char *first, const char *second,
			   GError **error);
/* Removes a folder with all that is in it; that there is none is no failure. FAULT_ETC_WRITE. */
gboolean etcwrite_remove(const char *path, GError **error);

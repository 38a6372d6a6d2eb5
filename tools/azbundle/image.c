/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "crypto.h"
#include "failure.h"

static gboolean content_copy(gpointer user_data, const struct imagetree_node *file, int fd,
			     uint64_t offset, GError **error)
{
	return ostreetree_copy(user_data, file, fd, offset, error);
}

/* Of the tree alone, so that equal trees give equal images; with the marks of a UUID of version 8
 * (RFC 9562). */
static void uuid_make(const struct ostreetree *tree, uint8_t ret_uuid[static EROFSWRITE_UUID_SIZE])
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", tree->tree, strlen(tree->tree), NULL, 0, hash);
	memcpy(ret_uuid, hash, EROFSWRITE_UUID_SIZE);
	ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x80);
	ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80);
}

gboolean image_write_with(const struct ostreetree *tree, erofswrite_content content,
			  gpointer user_data, int fd, GError **error)
{
	struct erofswrite options = { .content = content, .user_data = user_data };
	uint64_t size_bytes;

	uuid_make(tree, options.uuid);
	return erofswrite_image(&options, tree->root, fd, &size_bytes, error);
}

static gboolean image_write(struct ostreetree *tree, int fd, GError **error)
{
	return image_write_with(tree, content_copy, tree, fd, error);
}

/* A new file beside `near`. */
static int file_make(const char *near, char **ret_path, GError **error)
{
	g_autofree char *path = g_strconcat(near, ".XXXXXX", NULL);
	const int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0666);

	if (fd < 0)
		failure_set(error, FAULT_BUILD_OUTPUT, "cannot create %s: %s", path,
			    g_strerror(errno));
	else
		*ret_path = g_steal_pointer(&path);
	return fd;
}

int image_make(struct ostreetree *tree, const char *near, GError **error)
{
	g_autofree char *path = NULL;
	const int fd = file_make(near, &path, error);

	if (fd < 0)
		return -1;
	(void)g_unlink(path); /* what ends this program also removes the file */
	if (image_write(tree, fd, error))
		return fd;
	(void)close(fd); /* nobody reads it */
	return -1;
}

static gboolean image_save(struct ostreetree *tree, const char *output, GError **error)
{
	g_autofree char *path = NULL;
	const int fd = file_make(output, &path, error);
	gboolean done;

	if (fd < 0)
		return FALSE;
	done = image_write(tree, fd, error);
	if (done && (fsync(fd) < 0 || g_rename(path, output) < 0))
		done = failure_set(error, FAULT_BUILD_OUTPUT, "cannot write %s: %s", output,
				   g_strerror(errno));
	if (!done)
		(void)g_unlink(path); /* the failure is told; it may not be there */
	(void)close(fd);              /* it was flushed */
	return done;
}

gboolean command_image(int argc, char **argv, GError **error)
{
	static char *ostree, *output;
	static const GOptionEntry ENTRIES[] = { { "ostree", 0, 0, G_OPTION_ARG_STRING, &ostree,
						  "commit to take the tree from", "REPO:REF" },
						{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
						  "root image to write", "FILE" },
						G_OPTION_ENTRY_NULL };
	g_autoptr(Ostreetree) tree = NULL;

	if (!command_parse(&argc, &argv, NULL,
			   "Makes a root image (EROFS) out of an ostree commit; the same commit "
			   "gives the same image on every machine. Needs no rights.",
			   ENTRIES, 0, error) ||
	    !command_need("ostree", ostree, error) || !command_need("output", output, error))
		return FALSE;
	tree = ostreetree_open(ostree, error);
	if (tree == NULL || !image_save(tree, output, error))
		return FALSE;
	printf("commit %s\n", tree->commit);
	return TRUE;
}

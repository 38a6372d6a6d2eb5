/* SPDX-License-Identifier: MIT */
#include "ostreetree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "ostreelib.h"

enum { CHUNK_SIZE = 1 << 18 };

struct ostreetree_private {
	OstreeRepo *repo;
};

/* Names by which container layers and libostree's own overlays say that a file is gone. */
static const char *const WHITEOUTS[] = { ".wh.", ".ostree-wh." };

OstreeRepo *ostreetree_repo(struct ostreetree *tree)
{
	return tree->private->repo;
}

void ostreetree_free(struct ostreetree *tree)
{
	if (tree == NULL)
		return;
	g_clear_object(&tree->private->repo);
	g_free(tree->private);
	imagetree_free(tree->root);
	g_free(tree->commit);
	g_free(tree->ref);
	g_free(tree->version);
	g_free(tree->tree);
	g_free(tree);
}

static gboolean repository_open(struct ostreetree *tree, const char *path, GError **error)
{
	g_autoptr(GError) why = NULL;

	tree->private->repo = ostree_repo_open_at(AT_FDCWD, path, NULL, &why);
	if (tree->private->repo != NULL)
		return TRUE;
	return failure_set(error, FAULT_OSTREE_REPOSITORY, "cannot open %s: %s", path,
			   why->message);
}

/* A commit or a folder, after its hash and its form have been checked. */
static GVariant *object_load(struct ostreetree *tree, OstreeObjectType type, const char *checksum,
			     GError **error)
{
	g_autoptr(GVariant) object = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree char *found = NULL;
	const char *kind = ostree_object_type_to_string(type);

	if (!ostree_repo_load_variant(tree->private->repo, type, checksum, &object, &why)) {
		failure_set(error, FAULT_OSTREE_OBJECT, "cannot read %s.%s: %s", checksum, kind,
			    why->message);
		return NULL;
	}
	if (g_variant_get_size(object) > OSTREETREE_OBJECT_MAX) {
		failure_set(error, FAULT_OSTREE_LIMIT, "%s.%s has %" G_GSIZE_FORMAT " bytes",
			    checksum, kind, g_variant_get_size(object));
		return NULL;
	}
	found = g_compute_checksum_for_data(G_CHECKSUM_SHA256, g_variant_get_data(object),
					    g_variant_get_size(object));
	if (strcmp(found, checksum) != 0 || !g_variant_is_normal_form(object)) {
		failure_set(error, FAULT_OSTREE_OBJECT, "%s.%s is damaged: it hashes to %s",
			    checksum, kind, found);
		return NULL;
	}
	return g_steal_pointer(&object);
}

/* The checksum in an `ay`, hex; NULL: it is none. */
static char *checksum_text(GVariant *bytes)
{
	if (g_variant_get_size(bytes) != OSTREETREE_CHECKSUM_SIZE / 2)
		return NULL;
	return ostree_checksum_from_bytes(g_variant_get_data(bytes));
}

/* The n-th child of a tuple, as a checksum. */
static char *checksum_child(GVariant *tuple, gsize n, GError **error)
{
	g_autoptr(GVariant) bytes = g_variant_get_child_value(tuple, n);
	char *checksum = checksum_text(bytes);

	if (checksum == NULL)
		failure_set(error, FAULT_OSTREE_OBJECT, "a checksum has %" G_GSIZE_FORMAT " bytes",
			    g_variant_get_size(bytes));
	return checksum;
}

/* Hashes a file object, and writes what of it is content. */
static gboolean stream_take(GInputStream *stream, uint64_t header_bytes, int fd, uint64_t offset,
			    GChecksum *checksum, GError **error)
{
	g_autofree guint8 *chunk = g_malloc(CHUNK_SIZE);
	g_autoptr(GError) why = NULL;
	uint64_t at = 0;
	gssize got;

	while ((got = g_input_stream_read(stream, chunk, CHUNK_SIZE, NULL, &why)) > 0) {
		const gsize skip = (gsize)MIN((uint64_t)got, header_bytes - MIN(at, header_bytes));
		gsize done = skip;

		g_checksum_update(checksum, chunk, got);
		while (fd >= 0 && done < (gsize)got) {
			const ssize_t written = pwrite(fd, chunk + done, (gsize)got - done,
						       (off_t)(offset + at + done - header_bytes));

			if (written < 0 && errno == EINTR)
				continue;
			if (written < 0)
				return failure_set(error, FAULT_BUILD_OUTPUT,
						   "cannot write the image: %s", g_strerror(errno));
			done += (gsize)written;
		}
		at += (uint64_t)got;
	}
	if (got < 0)
		return failure_set(error, FAULT_OSTREE_OBJECT, "cannot read an object: %s",
				   why->message);
	return TRUE;
}

/* fd -1: the content is only hashed. */
static gboolean file_take(struct ostreetree *tree, const char *checksum, int fd, uint64_t offset,
			  GError **error)
{
	g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA256);
	g_autoptr(GInputStream) content = NULL;
	g_autoptr(GInputStream) stream = NULL;
	g_autoptr(GFileInfo) info = NULL;
	g_autoptr(GVariant) attributes = NULL;
	g_autoptr(GError) why = NULL;
	uint64_t size_bytes;
	uint64_t content_bytes;

	if (!ostree_repo_load_file(tree->private->repo, checksum, &content, &info, &attributes,
				   NULL, &why) ||
	    !ostree_raw_file_to_content_stream(content, info, attributes, &stream, &size_bytes,
					       NULL, &why))
		return failure_set(error, FAULT_OSTREE_OBJECT, "cannot read %s.file: %s", checksum,
				   why->message);
	content_bytes = content != NULL ? (uint64_t)g_file_info_get_size(info) : 0;
	if (!stream_take(stream, size_bytes - content_bytes, fd, offset, hash, error))
		return FALSE;
	if (strcmp(g_checksum_get_string(hash), checksum) != 0)
		return failure_set(error, FAULT_OSTREE_OBJECT,
				   "%s.file is damaged: it hashes to %s", checksum,
				   g_checksum_get_string(hash));
	return TRUE;
}

gboolean ostreetree_copy(struct ostreetree *tree, const struct imagetree_node *file, int fd,
			 uint64_t offset, GError **error)
{
	return file_take(tree, file->content, fd, offset, error);
}

static gboolean attributes_set(struct imagetree_node *node, GVariant *attributes)
{
	if (attributes != NULL && g_variant_n_children(attributes) > 0)
		node->attributes = g_variant_ref(attributes);
	return TRUE;
}

static gboolean name_check(struct ostreetree *tree, const char *folder, const char *name,
			   GError **error)
{
	if (!imagetree_is_name(name))
		return failure_set(error, FAULT_OSTREE_TREE, "\"%s/%s\" is no name of a file",
				   folder, name);
	for (unsigned i = 0; i < G_N_ELEMENTS(WHITEOUTS); i++)
		if (g_str_has_prefix(name, WHITEOUTS[i]))
			return failure_set(error, FAULT_OSTREE_WHITEOUT,
					   "\"%s/%s\" says that a file of a lower layer is gone",
					   folder, name);
	if (++tree->nodes > IMAGETREE_NODES_MAX)
		return failure_set(error, FAULT_OSTREE_LIMIT, "the commit has more than %d files",
				   IMAGETREE_NODES_MAX);
	return TRUE;
}

/* What the header of a file object says. An object without content is hashed here: nobody will ask
 * for its content. */
static gboolean file_describe(struct ostreetree *tree, struct imagetree_node *node, GError **error)
{
	g_autoptr(GFileInfo) info = NULL;
	g_autoptr(GVariant) attributes = NULL;
	g_autoptr(GError) why = NULL;

	if (!ostree_repo_load_file(tree->private->repo, node->content, NULL, &info, &attributes,
				   NULL, &why))
		return failure_set(error, FAULT_OSTREE_OBJECT, "cannot read %s.file: %s",
				   node->content, why->message);
	node->mode = g_file_info_get_attribute_uint32(info, "unix::mode");
	node->uid = g_file_info_get_attribute_uint32(info, "unix::uid");
	node->gid = g_file_info_get_attribute_uint32(info, "unix::gid");
	attributes_set(node, attributes);
	if (S_ISLNK(node->mode)) {
		node->target = g_strdup(g_file_info_get_symlink_target(info));
		node->size_bytes = node->target != NULL ? strlen(node->target) : 0;
		if (node->size_bytes == 0 || node->size_bytes > IMAGETREE_LINK_MAX)
			return failure_set(error, FAULT_OSTREE_TREE,
					   "the target of the link \"%s\" has %u bytes", node->name,
					   (unsigned)node->size_bytes);
	} else if (S_ISREG(node->mode)) {
		node->size_bytes = (uint64_t)g_file_info_get_size(info);
	} else {
		return failure_set(error, FAULT_OSTREE_TREE,
				   "\"%s\" is neither a file nor a link (mode %o)", node->name,
				   node->mode);
	}
	if (S_ISREG(node->mode) && node->size_bytes > 0)
		return TRUE;
	return file_take(tree, node->content, -1, 0, error);
}

/* Files of a folder object: a(say). */
static gboolean files_read(struct ostreetree *tree, GVariant *files, struct imagetree_node *folder,
			   GError **error)
{
	for (gsize i = 0; i < g_variant_n_children(files); i++) {
		g_autoptr(GVariant) entry = g_variant_get_child_value(files, i);
		g_autofree char *checksum = checksum_child(entry, 1, error);
		struct imagetree_node *node;
		const char *name;

		g_variant_get_child(entry, 0, "&s", &name);
		if (checksum == NULL || !name_check(tree, folder->name, name, error))
			return FALSE;
		node = imagetree_new(name, S_IFREG);
		g_ptr_array_add(folder->children, node);
		g_strlcpy(node->content, checksum, sizeof node->content);
		if (!file_describe(tree, node, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean metadata_read(struct ostreetree *tree, const char *checksum,
			      struct imagetree_node *folder, GError **error)
{
	g_autoptr(GVariant)
		metadata = object_load(tree, OSTREE_OBJECT_TYPE_DIR_META, checksum, error);
	g_autoptr(GVariant) attributes = NULL;
	uint32_t uid, gid, mode;

	if (metadata == NULL)
		return FALSE;
	g_variant_get(metadata, "(uuu@a(ayay))", &uid, &gid, &mode, &attributes);
	folder->uid = GUINT32_FROM_BE(uid);
	folder->gid = GUINT32_FROM_BE(gid);
	folder->mode = GUINT32_FROM_BE(mode);
	if (!S_ISDIR(folder->mode))
		return failure_set(error, FAULT_OSTREE_TREE, "\"%s\" is no folder (mode %o)",
				   folder->name, folder->mode);
	return attributes_set(folder, attributes);
}

/* A folder whose own files have been read, and the list of its folders. */
struct level {
	struct imagetree_node *folder;
	GVariant *folders; /* a(sayay) */
	gsize next;
};

static void level_free(struct level *level)
{
	g_clear_pointer(&level->folders, g_variant_unref);
	g_free(level);
}

static gboolean level_push(struct ostreetree *tree, GPtrArray *levels,
			   struct imagetree_node *folder, const char *contents, GError **error)
{
	g_autoptr(GVariant)
		object = object_load(tree, OSTREE_OBJECT_TYPE_DIR_TREE, contents, error);
	g_autoptr(GVariant) files = NULL;
	struct level *level;

	if (object == NULL)
		return FALSE;
	if (levels->len == IMAGETREE_DEPTH_MAX)
		return failure_set(error, FAULT_OSTREE_LIMIT, "folders are nested %d deep",
				   IMAGETREE_DEPTH_MAX);
	files = g_variant_get_child_value(object, 0);
	level = g_new0(struct level, 1);
	level->folder = folder;
	level->folders = g_variant_get_child_value(object, 1);
	g_ptr_array_add(levels, level);
	return files_read(tree, files, folder, error);
}

/* The next folder of the innermost level; without one, that level is done. */
static gboolean level_step(struct ostreetree *tree, GPtrArray *levels, GError **error)
{
	struct level *level = levels->pdata[levels->len - 1];
	struct imagetree_node *folder = level->folder;
	g_autoptr(GVariant) entry = NULL;
	g_autofree char *contents = NULL;
	g_autofree char *metadata = NULL;
	struct imagetree_node *node;
	const char *name;

	if (level->next == g_variant_n_children(level->folders)) {
		g_ptr_array_set_size(levels, (int)levels->len - 1);
		return imagetree_sort(folder, error);
	}
	entry = g_variant_get_child_value(level->folders, level->next++);
	contents = checksum_child(entry, 1, error);
	metadata = contents != NULL ? checksum_child(entry, 2, error) : NULL;
	g_variant_get_child(entry, 0, "&s", &name);
	if (metadata == NULL || !name_check(tree, folder->name, name, error))
		return FALSE;
	node = imagetree_new(name, S_IFDIR);
	g_ptr_array_add(folder->children, node);
	return metadata_read(tree, metadata, node, error) &&
	       level_push(tree, levels, node, contents, error);
}

static gboolean tree_read(struct ostreetree *tree, const char *contents, const char *metadata,
			  GError **error)
{
	g_autoptr(GPtrArray) levels = g_ptr_array_new_with_free_func((GDestroyNotify)level_free);

	tree->root = imagetree_new("", S_IFDIR);
	if (!metadata_read(tree, metadata, tree->root, error) ||
	    !level_push(tree, levels, tree->root, contents, error))
		return FALSE;
	while (levels->len > 0)
		if (!level_step(tree, levels, error))
			return FALSE;
	return imagetree_place_etc(tree->root, error);
}

static gboolean commit_find(struct ostreetree *tree, const char *ref, GError **error)
{
	g_autoptr(GError) why = NULL;
	const char *remote;

	if (strlen(ref) > OSTREETREE_REF_MAX ||
	    !ostree_repo_resolve_rev(tree->private->repo, ref, FALSE, &tree->commit, &why))
		return failure_set(error, FAULT_OSTREE_REF, "\"%s\" is no commit: %s", ref,
				   why != NULL ? why->message : "the name is too long");
	remote = strchr(ref, ':');
	if (strcmp(ref, tree->commit) != 0)
		tree->ref = g_strdup(remote != NULL ? remote + 1 : ref);
	return TRUE;
}

static gboolean commit_read(struct ostreetree *tree, GError **error)
{
	g_autoptr(GVariant)
		commit = object_load(tree, OSTREE_OBJECT_TYPE_COMMIT, tree->commit, error);
	g_autoptr(GVariant) metadata = NULL;
	g_autofree char *contents = NULL;
	g_autofree char *root = NULL;

	if (commit == NULL)
		return FALSE;
	metadata = g_variant_get_child_value(commit, 0);
	(void)g_variant_lookup(metadata, "version", "s", &tree->version); /* it may have none */
	contents = checksum_child(commit, 6, error);
	root = contents != NULL ? checksum_child(commit, 7, error) : NULL;
	if (root == NULL)
		return FALSE;
	tree->tree = g_strconcat(contents, root, NULL);
	return tree_read(tree, contents, root, error);
}

struct ostreetree *ostreetree_open(const char *name, GError **error)
{
	g_autoptr(Ostreetree) tree = g_new0(struct ostreetree, 1);
	const char *colon = strchr(name, ':');
	g_autofree char *path = colon != NULL ? g_strndup(name, (gsize)(colon - name)) : NULL;

	tree->private = g_new0(struct ostreetree_private, 1);
	if (path == NULL || path[0] == 0 || colon[1] == 0) {
		failure_set(error, FAULT_ARGUMENT, "\"%s\" is not REPO:REF", name);
		return NULL;
	}
	if (!repository_open(tree, path, error) || !commit_find(tree, colon + 1, error) ||
	    !commit_read(tree, error))
		return NULL;
	return g_steal_pointer(&tree);
}

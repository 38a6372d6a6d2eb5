/* SPDX-License-Identifier: MIT */
/* The only file of the store that knows ostree. The tree of a commit: manifest, signature, index,
 * and in objects/XX/ each object under the start of its own name; nobody looks them up there, but
 * what a commit's tree holds is what a sweep leaves alone. */
#include "storerepo.h"

#include <errno.h>
#include <fcntl.h>
#include <ostree.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"

enum {
	FILE_MODE = S_IFREG | 0644,
	FOLDER_MODE = S_IFDIR | 0755,
	NAME_DIGITS = 16, /* of 64: enough to tell a release's objects apart, and less to store */
};

static const char *const REF_PREFIXES[STOREREPO_KIND_COUNT] = {
	[STOREREPO_RELEASES] = "release/",
	[STOREREPO_ETC] = "etc/",
};

struct storerepo {
	enum storerepo_kind kind;
	OstreeRepo *repo;
	char *path;
	GCancellable *cancellable; /* may be NULL */
	GHashTable *objects;       /* set of names: put since storerepo_begin(); NULL outside */
};

void storerepo_entry_free(struct storerepo_entry *entry)
{
	if (entry == NULL)
		return;
	g_clear_pointer(&entry->manifest, g_bytes_unref);
	g_clear_pointer(&entry->signature, g_bytes_unref);
	g_clear_pointer(&entry->index, g_bytes_unref);
	g_free(entry);
}

/* Takes `cause` over. libostree keeps some of the file system free, and says so only in words. */
static gboolean fail(GError **error, GError *cause, fault why, const char *what)
{
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		failure_set(error, FAULT_JOB_CANCELLED, "the job was cancelled");
	else if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_NO_SPACE) ||
		 strstr(cause->message, "min-free-space") != NULL)
		failure_set(error, FAULT_STORE_SPACE, "the store has no room left: %s",
			    cause->message);
	else
		failure_set(error, why, "%s: %s", what, cause->message);
	g_error_free(cause);
	return FALSE;
}

struct storerepo *storerepo_open(const char *path, gboolean create, GCancellable *cancellable,
				 GError **error)
{
	g_autofree char *config = g_build_filename(path, "config", NULL);
	g_autoptr(OstreeRepo) ostree = NULL;
	struct storerepo *repo;
	GError *cause = NULL;

	if (!create && !g_file_test(config, G_FILE_TEST_EXISTS)) {
		failure_set(error, FAULT_STORE_EMPTY, "nothing was stored yet");
		return NULL;
	}
	if (create && g_mkdir_with_parents(path, 0700) < 0) {
		failure_set(error, FAULT_STORE_OPEN, "cannot make the store %s: %s", path,
			    g_strerror(errno));
		return NULL;
	}
	ostree = create ? ostree_repo_create_at(AT_FDCWD, path, OSTREE_REPO_MODE_ARCHIVE, NULL,
						cancellable, &cause)
			: ostree_repo_open_at(AT_FDCWD, path, cancellable, &cause);
	if (ostree == NULL) {
		fail(error, cause, FAULT_STORE_OPEN, "cannot open the store");
		return NULL;
	}
	repo = g_new0(struct storerepo, 1);
	repo->repo = g_steal_pointer(&ostree);
	repo->path = g_strdup(path);
	repo->cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	return repo;
}

void storerepo_set_kind(struct storerepo *repo, enum storerepo_kind kind)
{
	repo->kind = kind;
}

static char *ref_of(const struct storerepo *repo, const char *name)
{
	return g_strconcat(REF_PREFIXES[repo->kind], name, NULL);
}

void storerepo_free(struct storerepo *repo)
{
	if (repo == NULL)
		return;
	storerepo_abort(repo);
	g_clear_object(&repo->cancellable);
	g_object_unref(repo->repo);
	g_free(repo->path);
	g_free(repo);
}

gboolean storerepo_begin(struct storerepo *repo, GError **error)
{
	GError *cause = NULL;

	if (!ostree_repo_prepare_transaction(repo->repo, NULL, repo->cancellable, &cause))
		return fail(error, cause, FAULT_STORE_WRITE, "cannot begin to store");
	repo->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return TRUE;
}

void storerepo_abort(struct storerepo *repo)
{
	if (repo->objects == NULL)
		return;
	g_clear_pointer(&repo->objects, g_hash_table_unref);
	/* What it cannot remove, the next one does. */
	(void)ostree_repo_abort_transaction(repo->repo, NULL, NULL);
}

/* Owner and mode are the same everywhere: only the bytes make the name. */
static GFileInfo *file_info(size_t size_bytes)
{
	GFileInfo *info = g_file_info_new();

	g_file_info_set_file_type(info, G_FILE_TYPE_REGULAR);
	g_file_info_set_size(info, (goffset)size_bytes);
	g_file_info_set_attribute_uint32(info, "unix::uid", 0);
	g_file_info_set_attribute_uint32(info, "unix::gid", 0);
	g_file_info_set_attribute_uint32(info, "unix::mode", FILE_MODE);
	return info;
}

static char *object_name(const uint8_t *bytes, size_t size_bytes, GError **error)
{
	g_autoptr(GInputStream)
		stream = g_memory_input_stream_new_from_data(bytes, (gssize)size_bytes, NULL);
	g_autoptr(GFileInfo) info = file_info(size_bytes);
	g_autofree guchar *sum = NULL;

	if (!ostree_checksum_file_from_input(info, NULL, stream, OSTREE_OBJECT_TYPE_FILE, &sum,
					     NULL, error))
		return NULL;
	return ostree_checksum_from_bytes(sum);
}

static gboolean is_there(struct storerepo *repo, const char *name)
{
	gboolean there = FALSE;

	return ostree_repo_has_object(repo->repo, OSTREE_OBJECT_TYPE_FILE, name, &there, NULL,
				      NULL) &&
	       there;
}

/* FALSE: it has to be written. */
static gboolean is_kept(struct storerepo *repo, const char *name)
{
	if (!is_there(repo, name))
		return FALSE;
	if (ostree_repo_fsck_object(repo->repo, OSTREE_OBJECT_TYPE_FILE, name, NULL, NULL))
		return TRUE;
	g_message("the store's object %s is damaged, and written anew", name);
	/* If it stays, what is written does not take its place, and the next reader finds it. */
	(void)ostree_repo_delete_object(repo->repo, OSTREE_OBJECT_TYPE_FILE, name, NULL, NULL);
	return FALSE;
}

gboolean storerepo_put(struct storerepo *repo, const uint8_t *bytes, size_t size_bytes,
		       uint8_t ret_object[static STOREREPO_OBJECT_SIZE], gboolean *ret_new,
		       GError **error)
{
	GError *cause = NULL;
	g_autofree char *name = object_name(bytes, size_bytes, &cause);
	g_autofree char *written = NULL;

	*ret_new = FALSE;
	if (name == NULL)
		return fail(error, cause, FAULT_STORE_WRITE, "cannot hash an object");
	ostree_checksum_inplace_to_bytes(name, ret_object);
	if (g_hash_table_contains(repo->objects, name))
		return TRUE;
	*ret_new = !is_kept(repo, name);
	if (*ret_new) {
		written = ostree_repo_write_regfile_inline(repo->repo, name, 0, 0, FILE_MODE, NULL,
							   bytes, size_bytes, repo->cancellable,
							   &cause);
		if (written == NULL)
			return fail(error, cause, FAULT_STORE_WRITE, "cannot store an object");
	}
	g_hash_table_add(repo->objects, g_steal_pointer(&name));
	return TRUE;
}

/* Committing. */

static gboolean file_add(struct storerepo *repo, OstreeMutableTree *tree, const char *name,
			 GBytes *content, GError **error)
{
	gsize size_bytes;
	const uint8_t *bytes;
	g_autofree char *sum = NULL;

	if (content == NULL)
		return TRUE; /* this kind has no such file */
	bytes = g_bytes_get_data(content, &size_bytes);
	sum = ostree_repo_write_regfile_inline(repo->repo, NULL, 0, 0, FILE_MODE, NULL, bytes,
					       size_bytes, repo->cancellable, error);
	return sum != NULL && ostree_mutable_tree_replace_file(tree, name, sum, error);
}

static char *folder_meta(struct storerepo *repo, GError **error)
{
	g_autoptr(GFileInfo) info = g_file_info_new();
	g_autoptr(GVariant) meta = NULL;
	g_autofree guchar *sum = NULL;

	g_file_info_set_file_type(info, G_FILE_TYPE_DIRECTORY);
	g_file_info_set_attribute_uint32(info, "unix::uid", 0);
	g_file_info_set_attribute_uint32(info, "unix::gid", 0);
	g_file_info_set_attribute_uint32(info, "unix::mode", FOLDER_MODE);
	meta = g_variant_ref_sink(ostree_create_directory_metadata(info, NULL));
	if (!ostree_repo_write_metadata(repo->repo, OSTREE_OBJECT_TYPE_DIR_META, NULL, meta, &sum,
					repo->cancellable, error))
		return NULL;
	return ostree_checksum_from_bytes(sum);
}

static OstreeMutableTree *folder_make(OstreeMutableTree *parent, const char *name, const char *meta,
				      GError **error)
{
	OstreeMutableTree *folder = NULL;

	if (ostree_mutable_tree_ensure_dir(parent, name, &folder, error))
		ostree_mutable_tree_set_metadata_checksum(folder, meta);
	return folder;
}

static gboolean objects_add(struct storerepo *repo, OstreeMutableTree *root, const char *meta,
			    GError **error)
{
	g_autoptr(OstreeMutableTree) objects = folder_make(root, "objects", meta, error);
	GHashTableIter iter;
	gpointer key;

	if (objects == NULL)
		return FALSE;
	g_hash_table_iter_init(&iter, repo->objects);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const char *sum = key;
		g_autofree char *first = g_strndup(sum, 2);
		g_autofree char *rest = g_strndup(sum + 2, NAME_DIGITS - 2);
		g_autoptr(OstreeMutableTree) folder = folder_make(objects, first, meta, error);

		if (folder == NULL || !ostree_mutable_tree_replace_file(folder, rest, sum, error))
			return FALSE;
	}
	return TRUE;
}

static OstreeMutableTree *tree_make(struct storerepo *repo, const struct storerepo_entry *entry,
				    GError **error)
{
	g_autoptr(OstreeMutableTree) root = ostree_mutable_tree_new();
	g_autofree char *meta = folder_meta(repo, error);

	if (meta == NULL)
		return NULL;
	ostree_mutable_tree_set_metadata_checksum(root, meta);
	if (!file_add(repo, root, "manifest", entry->manifest, error) ||
	    !file_add(repo, root, "signature", entry->signature, error) ||
	    !file_add(repo, root, "index", entry->index, error) ||
	    !objects_add(repo, root, meta, error))
		return NULL;
	return g_steal_pointer(&root);
}

static gboolean commit_write(struct storerepo *repo, const char *name,
			     const struct storerepo_entry *entry, GError **error)
{
	g_autoptr(OstreeMutableTree) tree = tree_make(repo, entry, error);
	g_autofree char *ref = ref_of(repo, name);
	g_autofree char *commit = NULL;
	g_autoptr(GFile) root = NULL;

	if (tree == NULL ||
	    !ostree_repo_write_mtree(repo->repo, tree, &root, repo->cancellable, error) ||
	    !ostree_repo_write_commit_with_time(repo->repo, NULL, name, NULL, NULL,
						OSTREE_REPO_FILE(root), entry->time_s, &commit,
						repo->cancellable, error))
		return FALSE;
	ostree_repo_transaction_set_ref(repo->repo, NULL, ref, commit);
	return ostree_repo_commit_transaction(repo->repo, NULL, repo->cancellable, error);
}

gboolean storerepo_commit(struct storerepo *repo, const char *name,
			  const struct storerepo_entry *entry, GError **error)
{
	GError *cause = NULL;

	if (!commit_write(repo, name, entry, &cause)) {
		storerepo_abort(repo);
		return fail(error, cause, FAULT_STORE_WRITE, "cannot store the release");
	}
	g_clear_pointer(&repo->objects, g_hash_table_unref);
	return TRUE;
}

/* Reading. */

static gboolean object_fail(GError **error, const char *name, const char *why)
{
	return failure_set(error, FAULT_STORE_OBJECT, "the store's object %.16s is damaged: %s",
			   name, why);
}

static GBytes *stream_read(GInputStream *stream, goffset size_bytes, GError **error)
{
	g_autofree uint8_t *bytes = NULL;
	gsize got = 0;

	if (size_bytes < 0 || size_bytes > STOREREPO_FILE_MAX)
		size_bytes = 0; /* it has a wrong hash then */
	bytes = g_malloc((gsize)size_bytes + 1);
	if (!g_input_stream_read_all(stream, bytes, (gsize)size_bytes, &got, NULL, error))
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&bytes), got);
}

static GBytes *object_load(struct storerepo *repo, const char *name, GError **error)
{
	g_autoptr(GInputStream) stream = NULL;
	g_autoptr(GFileInfo) info = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autofree char *found = NULL;
	g_autoptr(GError) cause = NULL;

	if (ostree_repo_load_file(repo->repo, name, &stream, &info, NULL, NULL, &cause) &&
	    stream != NULL)
		bytes = stream_read(stream, g_file_info_get_size(info), &cause);
	if (bytes == NULL) {
		object_fail(error, name, cause != NULL ? cause->message : "it is no file");
		return NULL;
	}
	found = object_name(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), NULL);
	if (g_strcmp0(found, name) != 0) {
		object_fail(error, name, "it does not have its hash");
		return NULL;
	}
	return g_steal_pointer(&bytes);
}

GBytes *storerepo_get(struct storerepo *repo, const uint8_t object[static STOREREPO_OBJECT_SIZE],
		      GError **error)
{
	g_autofree char *name = crypto_hex(object, STOREREPO_OBJECT_SIZE);

	return object_load(repo, name, error);
}

gboolean storerepo_has(struct storerepo *repo, const uint8_t object[static STOREREPO_OBJECT_SIZE])
{
	g_autofree char *name = crypto_hex(object, STOREREPO_OBJECT_SIZE);

	return is_there(repo, name);
}

GPtrArray *storerepo_names(struct storerepo *repo, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) refs = NULL;
	const char *prefix = REF_PREFIXES[repo->kind];
	GHashTableIter iter;
	GError *cause = NULL;
	gpointer key;

	if (!ostree_repo_list_refs(repo->repo, NULL, &refs, repo->cancellable, &cause)) {
		fail(error, cause, FAULT_STORE_OPEN, "cannot list the store");
		return NULL;
	}
	g_hash_table_iter_init(&iter, refs);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		if (g_str_has_prefix(key, prefix))
			g_ptr_array_add(names, g_strdup((const char *)key + strlen(prefix)));
	return g_steal_pointer(&names);
}

/* NULL with FAULT_STORE_RELEASE. */
static char *commit_find(struct storerepo *repo, const char *name, GError **error)
{
	g_autofree char *ref = ref_of(repo, name);
	char *commit = NULL;

	if (ostree_repo_resolve_rev(repo->repo, ref, TRUE, &commit, NULL) && commit != NULL)
		return commit;
	failure_set(error, FAULT_STORE_RELEASE, "the store has no release %s", name);
	return NULL;
}

static GBytes *file_read(struct storerepo *repo, GFile *root, const char *name, GError **error)
{
	g_autoptr(GFile) file = g_file_get_child(root, name);
	g_autoptr(GError) cause = NULL;

	if (!ostree_repo_file_ensure_resolved(OSTREE_REPO_FILE(file), &cause)) {
		object_fail(error, name, cause->message);
		return NULL;
	}
	return object_load(repo, ostree_repo_file_get_checksum(OSTREE_REPO_FILE(file)), error);
}

static gboolean files_read(struct storerepo *repo, GFile *root, struct storerepo_entry *entry,
			   GError **error)
{
	const gboolean is_release = repo->kind == STOREREPO_RELEASES;

	if (is_release)
		entry->manifest = file_read(repo, root, "manifest", error);
	if (is_release && entry->manifest == NULL)
		return FALSE;
	if (is_release)
		entry->signature = file_read(repo, root, "signature", error);
	if (is_release && entry->signature == NULL)
		return FALSE;
	entry->index = file_read(repo, root, "index", error);
	return entry->index != NULL;
}

struct storerepo_entry *storerepo_read(struct storerepo *repo, const char *name, GError **error)
{
	g_autoptr(StorerepoEntry) entry = g_new0(struct storerepo_entry, 1);
	g_autofree char *commit = commit_find(repo, name, error);
	g_autoptr(GVariant) variant = NULL;
	g_autoptr(GFile) root = NULL;
	g_autoptr(GError) cause = NULL;

	if (commit == NULL)
		return NULL;
	if (!ostree_repo_load_commit(repo->repo, commit, &variant, NULL, &cause) ||
	    !ostree_repo_read_commit(repo->repo, commit, &root, NULL, NULL, &cause)) {
		object_fail(error, commit, cause->message);
		return NULL;
	}
	entry->time_s = ostree_commit_get_timestamp(variant);
	return files_read(repo, root, entry, error) ? g_steal_pointer(&entry) : NULL;
}

/* Checking, removing. */

static gboolean object_verify(struct storerepo *repo, GVariant *key, GHashTable *good,
			      GError **error)
{
	g_autofree char *full = NULL;
	g_autoptr(GError) cause = NULL;
	OstreeObjectType type;
	const char *sum;

	ostree_object_name_deserialize(key, &sum, &type);
	/* Nothing is read out of it here, and each release has the same. */
	if (type == OSTREE_OBJECT_TYPE_DIR_META)
		return TRUE;
	full = ostree_object_to_string(sum, type);
	if (g_hash_table_contains(good, full))
		return TRUE;
	if (ostree_repo_fsck_object(repo->repo, type, sum, NULL, &cause)) {
		g_hash_table_add(good, g_steal_pointer(&full));
		return TRUE;
	}
	(void)ostree_repo_delete_object(repo->repo, type, sum, NULL, NULL); /* as in is_kept() */
	return object_fail(error, sum, cause->message);
}

gboolean storerepo_verify(struct storerepo *repo, const char *name, GHashTable *good,
			  GError **error)
{
	g_autofree char *commit = commit_find(repo, name, error);
	g_autoptr(GHashTable) reachable = NULL;
	g_autoptr(GError) cause = NULL;
	GHashTableIter iter;
	gboolean right = TRUE;
	gpointer key;

	if (commit == NULL)
		return FALSE;
	if (!ostree_repo_traverse_commit(repo->repo, commit, 0, &reachable, NULL, &cause))
		return object_fail(error, commit, cause->message);
	g_hash_table_iter_init(&iter, reachable);
	while (g_hash_table_iter_next(&iter, &key, NULL)) { /* to the end: all damage is removed */
		if (g_cancellable_is_cancelled(repo->cancellable))
			return failure_set(right ? error : NULL, FAULT_JOB_CANCELLED,
					   "the job was cancelled");
		right = object_verify(repo, key, good, right ? error : NULL) && right;
	}
	return right;
}

gboolean storerepo_remove(struct storerepo *repo, const char *name, GError **error)
{
	g_autofree char *ref = ref_of(repo, name);
	GError *cause = NULL;

	if (ostree_repo_set_ref_immediate(repo->repo, NULL, ref, NULL, NULL, &cause))
		return TRUE;
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
		g_error_free(cause);
		return TRUE;
	}
	return fail(error, cause, FAULT_STORE_WRITE, "cannot drop a release");
}

/* libostree takes them for entries, and cleans up in its own folder only. */
static void leftovers_remove(const struct storerepo *repo, const char *prefix)
{
	g_autofree char *path = g_build_filename(repo->path, "refs", "heads", prefix, NULL);
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (g_str_has_prefix(name, STOREREPO_LEFTOVER))
			(void)unlink(file); /* if it stays, it is ignored again */
	}
}

gboolean storerepo_sweep(struct storerepo *repo, GError **error)
{
	guint64 size_bytes = 0;
	gint total = 0, pruned = 0;
	GError *cause = NULL;

	for (unsigned i = 0; i < STOREREPO_KIND_COUNT; i++)
		leftovers_remove(repo, REF_PREFIXES[i]);
	if (ostree_repo_prune(repo->repo, OSTREE_REPO_PRUNE_FLAGS_REFS_ONLY, 0, &total, &pruned,
			      &size_bytes, repo->cancellable, &cause))
		return TRUE;
	return fail(error, cause, FAULT_STORE_WRITE, "cannot remove what no release needs");
}

static uint64_t folder_size(const char *path, unsigned depth)
{
	g_autoptr(GDir) folder = depth > 0 ? g_dir_open(path, 0, NULL) : NULL;
	uint64_t sum = 0;
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		struct stat info;

		if (lstat(child, &info) != 0)
			continue; /* it went meanwhile */
		sum += (uint64_t)info.st_blocks * 512;
		if (S_ISDIR(info.st_mode))
			sum += folder_size(child, depth - 1);
	}
	return sum;
}

uint64_t storerepo_size(const struct storerepo *repo)
{
	enum { DEPTH = 5 }; /* tmp/staging-.../XX/object */

	return folder_size(repo->path, DEPTH);
}

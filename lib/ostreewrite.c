/* SPDX-License-Identifier: MIT */
/* Signatures are libostree's: of the commit's bytes, in its detached metadata,
 * "ostree.sign.ed25519". They are made here, since not every libostree is built with ed25519. */
#include "ostreewrite.h"

#include <fcntl.h>
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "ostreelib.h"
#include "tufsign.h"

enum { SIGNATURE_SIZE = 64 };

struct ostreewrite {
	OstreeRepo *repo;
	OstreeMutableTree *root;
	gboolean open; /* a transaction is */
};

void ostreewrite_free(struct ostreewrite *write)
{
	if (write == NULL)
		return;
	if (write->open)
		(void)ostree_repo_abort_transaction(write->repo, NULL, NULL); /* only tidiness */
	g_clear_object(&write->root);
	g_clear_object(&write->repo);
	g_free(write);
}

static gboolean output_failed(GError **error, const char *what, const GError *why)
{
	return failure_set(error, FAULT_BUILD_OUTPUT, "cannot %s: %s", what, why->message);
}

/* What a folder is: root's, 0755. */
static gboolean folder_mark(struct ostreewrite *write, OstreeMutableTree *folder, GError **error)
{
	g_autoptr(GFileInfo) info = g_file_info_new();
	g_autoptr(GVariant) metadata = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree guchar *checksum = NULL;
	g_autofree char *text = NULL;

	g_file_info_set_attribute_uint32(info, "unix::uid", 0);
	g_file_info_set_attribute_uint32(info, "unix::gid", 0);
	g_file_info_set_attribute_uint32(info, "unix::mode", S_IFDIR | 0755);
	metadata = g_variant_ref_sink(ostree_create_directory_metadata(info, NULL));
	if (!ostree_repo_write_metadata(write->repo, OSTREE_OBJECT_TYPE_DIR_META, NULL, metadata,
					&checksum, NULL, &why))
		return output_failed(error, "write a folder", why);
	text = ostree_checksum_from_bytes(checksum);
	ostree_mutable_tree_set_metadata_checksum(folder, text);
	return TRUE;
}

static gboolean write_begin(struct ostreewrite *write, const char *repo, GError **error)
{
	g_autoptr(GError) why = NULL;

	write->repo = ostree_repo_open_at(AT_FDCWD, repo, NULL, &why);
	if (write->repo == NULL || !ostree_repo_is_writable(write->repo, &why))
		return failure_set(error, FAULT_OSTREE_REPOSITORY, "cannot write into %s: %s", repo,
				   why->message);
	if (ostree_repo_get_mode(write->repo) != OSTREE_REPO_MODE_ARCHIVE)
		return failure_set(error, FAULT_OSTREE_REPOSITORY,
				   "%s is not of mode archive, which machines can read", repo);
	if (!ostree_repo_prepare_transaction(write->repo, NULL, NULL, &why))
		return output_failed(error, "begin a transaction", why);
	write->open = TRUE;
	write->root = ostree_mutable_tree_new();
	return folder_mark(write, write->root, error);
}

struct ostreewrite *ostreewrite_open(const char *repo, GError **error)
{
	g_autoptr(Ostreewrite) write = g_new0(struct ostreewrite, 1);

	if (!write_begin(write, repo, error))
		return NULL;
	return g_steal_pointer(&write);
}

/* The folder of that name, made if it is missing. */
static OstreeMutableTree *folder_ensure(struct ostreewrite *write, const char *name, GError **error)
{
	OstreeMutableTree *known = g_hash_table_lookup(ostree_mutable_tree_get_subdirs(write->root),
						       name);
	g_autoptr(OstreeMutableTree) folder = NULL;
	g_autoptr(GError) why = NULL;

	if (known != NULL)
		return g_object_ref(known);
	if (!ostree_mutable_tree_ensure_dir(write->root, name, &folder, &why)) {
		output_failed(error, "add a folder", why);
		return NULL;
	}
	if (!folder_mark(write, folder, error))
		return NULL;
	return g_steal_pointer(&folder);
}

gboolean ostreewrite_file(struct ostreewrite *write, const char *folder, const char *name,
			  GBytes *bytes, uint8_t ret_object[static OSTREEWRITE_HASH_SIZE],
			  GError **error)
{
	g_autoptr(OstreeMutableTree) tree = folder != NULL ? folder_ensure(write, folder, error)
							   : g_object_ref(write->root);
	g_autoptr(GError) why = NULL;
	g_autofree char *checksum = NULL;
	gsize size_bytes;
	const guint8 *data = g_bytes_get_data(bytes, &size_bytes);

	if (tree == NULL)
		return FALSE;
	checksum = ostree_repo_write_regfile_inline(write->repo, NULL, 0, 0, S_IFREG | 0644, NULL,
						    data, size_bytes, NULL, &why);
	if (checksum == NULL || !ostree_mutable_tree_replace_file(tree, name, checksum, &why))
		return output_failed(error, "add a file", why);
	ostree_checksum_inplace_to_bytes(checksum, ret_object);
	return TRUE;
}

static GVariant *metadata_make(const struct ostreewrite_commit *commit)
{
	const char *const refs[] = { commit->ref, NULL };
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "azupdate.commit",
			      g_variant_new_string(commit->origin));
	g_variant_builder_add(&builder, "{sv}", "ostree.ref-binding", g_variant_new_strv(refs, -1));
	g_variant_builder_add(&builder, "{sv}", "version", g_variant_new_string(commit->version));
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

GBytes *ostreewrite_sign(const char *where, GBytes *bytes, GError **error)
{
	g_autoptr(Tufsign) key = tufsign_load(where, error);
	g_autofree char *hex = NULL;
	uint8_t signature[SIGNATURE_SIZE];

	if (key == NULL)
		return NULL;
	hex = tufsign_sign(key, bytes, error);
	if (hex == NULL)
		return NULL;
	if (!crypto_unhex(hex, signature, sizeof signature) ||
	    g_strcmp0(json_string_value(json_object_get(tufsign_object(key), "keytype")),
		      "ed25519") != 0) {
		failure_set(error, FAULT_KEY_KIND, "%s is no ed25519 key", where);
		return NULL;
	}
	return g_bytes_new(signature, sizeof signature);
}

/* The detached metadata, with one signature. */
static GVariant *signature_make(struct ostreewrite *write, const char *checksum, const char *where,
				GError **error)
{
	g_autoptr(GVariant) commit = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GBytes) signature = NULL;
	g_autoptr(GError) why = NULL;
	GVariantBuilder list, dictionary;

	if (!ostree_repo_load_variant(write->repo, OSTREE_OBJECT_TYPE_COMMIT, checksum, &commit,
				      &why)) {
		output_failed(error, "read the commit", why);
		return NULL;
	}
	bytes = g_variant_get_data_as_bytes(commit);
	signature = ostreewrite_sign(where, bytes, error);
	if (signature == NULL)
		return NULL;
	g_variant_builder_init(&list, G_VARIANT_TYPE("aay"));
	g_variant_builder_add_value(
		&list, g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, signature, TRUE));
	g_variant_builder_init(&dictionary, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&dictionary, "{sv}", "ostree.sign.ed25519",
			      g_variant_builder_end(&list));
	return g_variant_ref_sink(g_variant_builder_end(&dictionary));
}

static gboolean commit_write(struct ostreewrite *write, const struct ostreewrite_commit *commit,
			     char **ret_commit, GError **error)
{
	g_autoptr(GVariant) metadata = metadata_make(commit);
	g_autoptr(GFile) root = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree char *parent = NULL;

	if (!ostree_repo_resolve_rev(write->repo, commit->ref, TRUE, &parent, &why) ||
	    !ostree_repo_write_mtree(write->repo, write->root, &root, NULL, &why) ||
	    !ostree_repo_write_commit(write->repo, parent, commit->subject, NULL, metadata,
				      OSTREE_REPO_FILE(root), ret_commit, NULL, &why))
		return output_failed(error, "commit", why);
	write->open = FALSE;
	if (!ostree_repo_commit_transaction(write->repo, NULL, NULL, &why))
		return output_failed(error, "end the transaction", why);
	return TRUE;
}

gboolean ostreewrite_commit(struct ostreewrite *write, const struct ostreewrite_commit *commit,
			    char **ret_commit, GError **error)
{
	g_autoptr(GVariant) signature = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree char *checksum = NULL;

	if (!commit_write(write, commit, &checksum, error))
		return FALSE;
	if (commit->key != NULL) {
		signature = signature_make(write, checksum, commit->key, error);
		if (signature == NULL)
			return FALSE;
		if (!ostree_repo_write_commit_detached_metadata(write->repo, checksum, signature,
								NULL, &why))
			return output_failed(error, "write the signature", why);
	}
	if (!ostree_repo_set_ref_immediate(write->repo, NULL, commit->ref, checksum, NULL, &why))
		return output_failed(error, "move the ref", why);
	*ret_commit = g_steal_pointer(&checksum);
	return TRUE;
}

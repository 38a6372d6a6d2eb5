/* SPDX-License-Identifier: MIT */
#include "ostreestatic.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "ostreelib.h"

/* Megabytes, as libostree counts them: a part unpacks to a chunk and one patch more, which is as
 * long as what it makes; a patch is made of files that together are no longer than the last. */
enum { CHUNK_MB = 4, PATCH_MB = 32 };

struct ostreestatic {
	OstreeRepo *repo;
	char *path;   /* of the repository */
	char *folder; /* what was generated; NULL: nothing */
};

static void folder_remove(const char *path)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		(void)g_unlink(file); /* if it stays, so does the folder, which the caller sees */
	}
	(void)g_rmdir(path); /* likewise */
}

static void generated_drop(struct ostreestatic *deltas)
{
	if (deltas->folder != NULL)
		folder_remove(deltas->folder);
	g_clear_pointer(&deltas->folder, g_free);
}

void ostreestatic_free(struct ostreestatic *deltas)
{
	if (deltas == NULL)
		return;
	generated_drop(deltas);
	g_clear_object(&deltas->repo);
	g_free(deltas->path);
	g_free(deltas);
}

struct ostreestatic *ostreestatic_open(const char *repo, GError **error)
{
	g_autoptr(Ostreestatic) deltas = g_new0(struct ostreestatic, 1);
	g_autoptr(GError) why = NULL;

	deltas->path = g_strdup(repo);
	deltas->repo = ostree_repo_open_at(AT_FDCWD, repo, NULL, &why);
	if (deltas->repo == NULL) {
		failure_set(error, FAULT_OSTREE_REPOSITORY, "cannot open %s: %s", repo,
			    why->message);
		return NULL;
	}
	return g_steal_pointer(&deltas);
}

char *ostreestatic_system(struct ostreestatic *deltas, const char *revision, GError **error)
{
	g_autofree char *commit = NULL;
	g_autoptr(GVariant) variant = NULL;
	g_autoptr(GVariant) metadata = NULL;
	g_autoptr(GError) why = NULL;
	char *origin = NULL;

	if (!ostree_repo_resolve_rev(deltas->repo, revision, FALSE, &commit, &why) ||
	    !ostree_repo_load_variant(deltas->repo, OSTREE_OBJECT_TYPE_COMMIT, commit, &variant,
				      &why)) {
		failure_set(error, FAULT_OSTREE_REF, "%s: %s", revision, why->message);
		return NULL;
	}
	metadata = g_variant_get_child_value(variant, 0);
	return g_variant_lookup(metadata, "azupdate.commit", "s", &origin)
		       ? origin
		       : g_steal_pointer(&commit);
}

static GVariant *limits_make(const char *superblock)
{
	GVariantDict limits;

	g_variant_dict_init(&limits, NULL);
	g_variant_dict_insert(&limits, "max-chunk-size", "u", (uint32_t)CHUNK_MB);
	g_variant_dict_insert(&limits, "max-bsdiff-size", "u", (uint32_t)PATCH_MB);
	g_variant_dict_insert(&limits, "filename", "^ay", superblock);
	return g_variant_ref_sink(g_variant_dict_end(&limits));
}

gboolean ostreestatic_generate(struct ostreestatic *deltas, const struct staticdelta_pair *pair,
			       GError **error)
{
	g_autofree char *from = crypto_hex(pair->from, sizeof pair->from);
	g_autofree char *to = crypto_hex(pair->to, sizeof pair->to);
	g_autofree char *folder = g_build_filename(deltas->path, "tmp", "azupdate-XXXXXX", NULL);
	g_autofree char *superblock = NULL;
	g_autoptr(GVariant) limits = NULL;
	g_autoptr(GError) why = NULL;

	generated_drop(deltas);
	if (g_mkdtemp_full(folder, 0755) == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot create %s: %s", folder,
				   g_strerror(errno));
	deltas->folder = g_steal_pointer(&folder);
	superblock = g_build_filename(deltas->folder, "superblock", NULL);
	limits = limits_make(superblock);
	return ostree_repo_static_delta_generate(deltas->repo,
						 OSTREE_STATIC_DELTA_GENERATE_OPT_MAJOR, from, to,
						 NULL, limits, NULL, &why) ||
	       failure_set(error, FAULT_OSTREE_OBJECT, "cannot make a delta from %s to %s: %s",
			   from, to, why->message);
}

GBytes *ostreestatic_read(const struct ostreestatic *deltas, const char *file, GError **error)
{
	g_autofree char *path = g_build_filename(deltas->folder, file, NULL);
	g_autoptr(GError) why = NULL;
	char *bytes;
	gsize size_bytes;

	if (g_file_get_contents(path, &bytes, &size_bytes, &why))
		return g_bytes_new_take(bytes, size_bytes);
	failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
	return NULL;
}

static gboolean superblock_write(const struct ostreestatic *deltas, GBytes *superblock,
				 GError **error)
{
	g_autofree char *path = g_build_filename(deltas->folder, "superblock", NULL);
	g_autoptr(GError) why = NULL;
	gsize size_bytes;
	const char *data = g_bytes_get_data(superblock, &size_bytes);

	return g_file_set_contents_full(path, data, (gssize)size_bytes,
					G_FILE_SET_CONTENTS_CONSISTENT, 0644, &why) ||
	       failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
}

gboolean ostreestatic_place(struct ostreestatic *deltas, const struct staticdelta_pair *pair,
			    GBytes *superblock, GError **error)
{
	g_autofree char *name = staticdelta_path(pair, "superblock");
	g_autofree char *relative = g_path_get_dirname(name);
	g_autofree char *place = g_build_filename(deltas->path, relative, NULL);
	g_autofree char *parent = g_path_get_dirname(place);

	if (!superblock_write(deltas, superblock, error))
		return FALSE;
	folder_remove(place);
	if (g_mkdir_with_parents(parent, 0755) < 0 || g_chmod(deltas->folder, 0755) < 0 ||
	    g_rename(deltas->folder, place) < 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot create %s: %s", place,
				   g_strerror(errno));
	g_clear_pointer(&deltas->folder, g_free);
	return TRUE;
}

gboolean ostreestatic_stored_size(struct ostreestatic *deltas,
				  const uint8_t object[static STATICDELTA_HASH_SIZE],
				  uint64_t *ret_bytes, GError **error)
{
	g_autofree char *hex = crypto_hex(object, STATICDELTA_HASH_SIZE);
	g_autoptr(GError) why = NULL;
	guint64 size_bytes = 0;

	if (!ostree_repo_query_object_storage_size(deltas->repo, OSTREE_OBJECT_TYPE_FILE, hex,
						   &size_bytes, NULL, &why))
		return failure_set(error, FAULT_OSTREE_OBJECT, "%s: %s", hex, why->message);
	*ret_bytes = size_bytes;
	return TRUE;
}

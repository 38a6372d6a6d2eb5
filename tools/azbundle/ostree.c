/* SPDX-License-Identifier: MIT */
/* Publishes a release into the ostree repository whose commit it was made of. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundlewrite.h"
#include "command.h"
#include "crypto.h"
#include "failure.h"
#include "image.h"
#include "ostreedelta.h"
#include "ostreewrite.h"
#include "payload.h"
#include "recipemake.h"

static char *repo, *ref, *key;
static char **bases, **deltas;

static const GOptionEntry ENTRIES[] = {
	{ "repo", 0, 0, G_OPTION_ARG_FILENAME, &repo, "ostree repository with its commit",
	  "FOLDER" },
	{ "ref", 0, 0, G_OPTION_ARG_STRING, &ref,
	  "ref to publish under (azupdate/ and the ref that the release was made of)", "REF" },
	{ "sign-key", 0, 0, G_OPTION_ARG_STRING, &key, "ed25519 key to sign the commit with",
	  "KEY" },
	{ "delta", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &deltas,
	  "publish that delta to the release, too, as azbundle delta made it; may be given "
	  "several times",
	  "BUNDLE" },
	{ "delta-from", 0, 0, G_OPTION_ARG_STRING_ARRAY, &bases,
	  "publish a static delta from that commit, too; auto: from what the ref names now",
	  "REV" },
	G_OPTION_ENTRY_NULL
};

struct publish {
	const struct bundle *bundle;
	struct ostreetree *tree;
	struct ostreewrite *write;
	GArray *contents;  /* struct recipemake_content */
	const char *place; /* folder for temporary files */
};

static gboolean content_note(gpointer user_data, const struct imagetree_node *file, int fd,
			     uint64_t offset, GError **error)
{
	struct publish *publish = user_data;
	struct recipemake_content content = { offset, file->size_bytes, { 0 } };

	/* The tree's reader made it of 32 bytes. */
	if (!crypto_unhex(file->content, content.object, sizeof content.object))
		g_assert_not_reached();
	g_array_append_val(publish->contents, content);
	return ostreetree_copy(publish->tree, file, fd, offset, error);
}

/* The root image again, with notes of what stands where. It must be the one that was signed. */
static gboolean root_make(struct publish *publish, const char *path, GError **error)
{
	struct manifest_image found = publish->bundle->manifest->root;
	const struct bundlewrite_image image = { "root", path, &found };
	const int fd = g_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gboolean done;

	if (fd < 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot create %s: %s", path,
				   g_strerror(errno));
	done = image_write_with(publish->tree, content_note, publish, fd, error);
	(void)close(fd); /* it is read again at once */
	if (!done || !bundlewrite_measure(&image, error))
		return FALSE;
	if (memcmp(found.root_hash, publish->bundle->manifest->root.root_hash,
		   VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_RECIPE_OTHER,
				   "the commit %s does not give the bundle's root image",
				   publish->tree->commit);
	return TRUE;
}

static gboolean uki_make(struct publish *publish, const char *path, GError **error)
{
	FILE *file = fopen(path, "wbe");
	gboolean done;

	if (file == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot create %s: %s", path,
				   g_strerror(errno));
	done = payload_walk(publish->bundle, "uki", file, error);
	if (fclose(file) != 0 && done)
		done = failure_set(error, FAULT_BUILD_OUTPUT, "cannot write %s: %s", path,
				   g_strerror(errno));
	return done;
}

/* --- deltas of our own: sections of the bundle that is published --- */

static gboolean is_delta(const struct bundle_section *section)
{
	return section->kind == BUNDLE_DELTA_INDEX || section->kind == BUNDLE_DELTA_FRAMES;
}

static gboolean is_there(const GPtrArray *parts, const struct bundle_section *section)
{
	for (guint i = 0; i < parts->len; i++) {
		const struct bundlewrite_part *part = g_ptr_array_index(parts, i);

		if (part->section.kind == section->kind &&
		    strcmp(part->section.name, section->name) == 0 &&
		    memcmp(part->section.base, section->base, sizeof section->base) == 0)
			return TRUE;
	}
	return FALSE;
}

/* One from the same base is enough: the first one. */
static gboolean sections_take(const struct bundle *bundle, GPtrArray *parts, GError **error)
{
	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];

		if (is_delta(section) && !is_there(parts, section) &&
		    !payload_section_add(bundle, section, parts, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean has_delta(const struct bundle *bundle)
{
	for (unsigned i = 0; i < bundle->section_count; i++)
		if (is_delta(&bundle->sections[i]))
			return TRUE;
	return FALSE;
}

static gboolean delta_take(const struct publish *publish, const char *path, GPtrArray *parts,
			   GError **error)
{
	g_autoptr(Source) source = payload_source(path, error);
	g_autoptr(Bundle) bundle = source != NULL ? bundle_open(source, NULL, error) : NULL;

	if (bundle == NULL)
		return FALSE;
	if (!g_bytes_equal(bundle->manifest_bytes, publish->bundle->manifest_bytes))
		return failure_set(error, FAULT_RECIPE_OTHER, "%s is of another release", path);
	if (!has_delta(bundle))
		return failure_set(error, FAULT_BUILD_INPUT, "%s has no delta", path);
	return sections_take(bundle, parts, error);
}

/* Of the bundle itself, and of the ones that were named. */
static gboolean deltas_take(const struct publish *publish, GPtrArray *parts, GError **error)
{
	if (!sections_take(publish->bundle, parts, error))
		return FALSE;
	for (char **path = deltas; path != NULL && *path != NULL; path++)
		if (!delta_take(publish, *path, parts, error))
			return FALSE;
	return TRUE;
}

/* --- the bundle and its recipe --- */

/* The same release, in blocks as they are: what the recipe is of. */
static gboolean plain_make(struct publish *publish, const char *path, GError **error)
{
	static const struct bundlewrite_options PLAIN = { .level = 0, .frame_blocks = 1 };
	g_autofree char *root = g_build_filename(publish->place, "root", NULL);
	g_autofree char *uki = g_build_filename(publish->place, "uki", NULL);
	struct manifest *manifest = publish->bundle->manifest;
	const struct bundlewrite_image images[] = { { "uki", uki, &manifest->uki },
						    { "root", root, &manifest->root } };
	g_autoptr(GPtrArray) parts = bundlewrite_parts_new();
	const gboolean done = deltas_take(publish, parts, error) &&
			      root_make(publish, root, error) && uki_make(publish, uki, error) &&
			      bundlewrite_full(&PLAIN, images, G_N_ELEMENTS(images), parts,
					       error) &&
			      bundlewrite_assemble(path, publish->bundle->manifest_bytes,
						   publish->bundle->signature, parts, error);

	(void)g_unlink(root); /* they may not be there */
	(void)g_unlink(uki);
	return done;
}

static gboolean chunk_store(gpointer user_data, unsigned number, GBytes *chunk,
			    uint8_t ret_object[static RECIPE_HASH_SIZE], GError **error)
{
	struct publish *publish = user_data;
	g_autofree char *name = g_strdup_printf("%07u", number);

	return ostreewrite_file(publish->write, "chunk", name, chunk, ret_object, error);
}

/* Where the full payloads begin: a bundle has its deltas in front of them. */
static uint64_t head_end(const struct bundle *bundle)
{
	uint64_t end = bundle->total_bytes;

	for (unsigned i = 0; i < bundle->section_count; i++)
		if (!is_delta(&bundle->sections[i]))
			end = MIN(end, bundle->sections[i].offset);
	return end;
}

static gboolean recipe_store(struct publish *publish, const struct recipe *recipe, const char *name,
			     GError **error)
{
	g_autoptr(GBytes) bytes = recipe_encode(recipe);
	uint8_t object[RECIPE_HASH_SIZE];

	if (g_bytes_get_size(bytes) > RECIPE_CONTENT_MAX)
		return failure_set(error, FAULT_RECIPE_FORMAT,
				   "the %s would have %" G_GSIZE_FORMAT " bytes", name,
				   g_bytes_get_size(bytes));
	return ostreewrite_file(publish->write, NULL, name, bytes, object, error);
}

static gboolean recipe_make(struct publish *publish, const char *path, GError **error)
{
	g_autoptr(Source) source = payload_source(path, error);
	g_autoptr(Bundle) plain = source != NULL ? bundle_open(source, NULL, error) : NULL;
	g_autoptr(GMappedFile) mapped = g_mapped_file_new(path, FALSE, NULL);
	g_autoptr(GBytes) bytes = mapped != NULL ? g_mapped_file_get_bytes(mapped) : NULL;
	g_autoptr(Recipe) recipe = NULL;
	g_autoptr(Recipe) head = NULL;
	const struct recipemake make = { plain, bytes, publish->contents, chunk_store, publish };

	if (plain == NULL)
		return FALSE;
	if (bytes == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot read %s", path);
	recipe = recipemake(&make, error);
	if (recipe == NULL)
		return FALSE;
	/* The tree's reader made it of 32 bytes. */
	if (!crypto_unhex(publish->tree->commit, recipe->commit, sizeof recipe->commit))
		g_assert_not_reached();
	head = recipe_prefix(recipe, head_end(plain));
	return recipe_store(publish, recipe, RECIPE_NAME, error) &&
	       recipe_store(publish, head, RECIPE_HEAD_NAME, error);
}

static gboolean deltas_make(struct publish *publish, GError **error)
{
	const struct ostreedelta delta = { .repo = repo,
					   .ref = ref,
					   .to = publish->tree->commit,
					   .key = key,
					   .write = publish->write,
					   .place = publish->place };

	for (char **base = bases; base != NULL && *base != NULL; base++)
		if (!ostreedelta_publish(&delta, *base, error))
			return FALSE;
	return TRUE;
}

static gboolean commit_make(struct publish *publish, char **ret_commit, GError **error)
{
	const struct manifest *manifest = publish->bundle->manifest;
	g_autofree char *plain = g_build_filename(publish->place, "plain", NULL);
	g_autofree char *subject = g_strdup_printf("%s %s", manifest->product, manifest->version);
	const struct ostreewrite_commit commit = { ref, subject, manifest->version,
						   publish->tree->commit, key };
	const gboolean done = plain_make(publish, plain, error) &&
			      recipe_make(publish, plain, error);

	(void)g_unlink(plain); /* it may not be there */
	return done && deltas_make(publish, error) &&
	       ostreewrite_commit(publish->write, &commit, ret_commit, error);
}

static gboolean publish_run(const struct bundle *bundle, GError **error)
{
	struct publish publish = { .bundle = bundle };
	g_autofree char *place = g_dir_make_tmp("azbundle-XXXXXX", NULL);
	g_autofree char *name = g_strdup_printf("%s:%s", repo, bundle->manifest->ostree_commit);
	g_autofree char *commit = NULL;
	g_autoptr(Ostreetree) tree = NULL;
	g_autoptr(Ostreewrite) write = NULL;
	g_autoptr(GArray) contents = g_array_new(FALSE, FALSE, sizeof(struct recipemake_content));
	gboolean done;

	if (place == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make a temporary folder");
	publish.place = place;
	publish.contents = contents;
	publish.tree = tree = ostreetree_open(name, error);
	publish.write = write = tree != NULL ? ostreewrite_open(repo, error) : NULL;
	done = write != NULL && commit_make(&publish, &commit, error);
	(void)g_rmdir(place); /* it is empty */
	if (done)
		printf("commit %s\nref %s\n", commit, ref);
	return done;
}

gboolean command_ostree(int argc, char **argv, GError **error)
{
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;

	if (!command_parse(&argc, &argv, "BUNDLE",
			   "Publishes a release that was made of an ostree commit into that "
			   "commit's repository, from where machines can install it.",
			   ENTRIES, 1, error) ||
	    !command_need("repo", repo, error))
		return FALSE;
	if (bases != NULL && key == NULL)
		return failure_set(error, FAULT_ARGUMENT,
				   "--delta-from needs --sign-key: machines use no static delta "
				   "that is not signed");
	source = payload_source(argv[1], error);
	bundle = source != NULL ? bundle_open(source, NULL, error) : NULL;
	if (bundle == NULL)
		return FALSE;
	if (bundle->manifest->ostree_commit == NULL)
		return failure_set(error, FAULT_RECIPE_OTHER, "%s was not made of an ostree commit",
				   argv[1]);
	if (ref == NULL && bundle->manifest->ostree_ref == NULL)
		return failure_set(error, FAULT_ARGUMENT,
				   "--ref is missing: the release was made of a commit, not a ref");
	if (ref == NULL)
		ref = g_strconcat("azupdate/", bundle->manifest->ostree_ref, NULL);
	return publish_run(bundle, error);
}

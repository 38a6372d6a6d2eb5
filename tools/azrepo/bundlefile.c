/* SPDX-License-Identifier: MIT */
#include "bundlefile.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "crypto.h"
#include "failure.h"
#include "names.h"

/* A bundle with the source that it reads. */
struct opened {
	struct source *source;
	struct bundle *bundle;
};
typedef struct opened Opened; /* for g_auto() only */

static void opened_done(struct opened *opened)
{
	bundle_free(opened->bundle);
	if (opened->source != NULL)
		source_close(opened->source);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Opened, opened_done)

void bundlefile_free(struct bundlefile *file)
{
	if (file == NULL)
		return;
	g_free(file->product);
	g_free(file->architecture);
	g_free(file->version);
	g_free(file->file);
	g_free(file->manifest);
	g_free(file->from);
	g_free(file);
}

static gboolean bundle_load(const char *path, const char *keyring, struct opened *ret_opened,
			    GError **error)
{
	const int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return failure_set(error, FAULT_BUNDLE_READ, "cannot open %s: %s", path,
				   g_strerror(errno));
	ret_opened->source = source_open_fd(fd, NULL, error);
	(void)close(fd); /* the source has its own */
	if (ret_opened->source == NULL)
		return FALSE;
	ret_opened->bundle = bundle_open(ret_opened->source, keyring, error);
	return ret_opened->bundle != NULL;
}

/* A machine must be able to do with the bundle alone, or with the bundle and one base. */
static gboolean base_find(const struct bundle *bundle, const char *path, const uint8_t **ret_base,
			  GError **error)
{
	const uint8_t *base = NULL;

	*ret_base = NULL;
	if (bundle_is_full(bundle, "root") && bundle_is_full(bundle, "uki"))
		return TRUE;
	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];

		if (section->kind != BUNDLE_DELTA_INDEX || strcmp(section->name, "root") != 0)
			continue;
		if (base != NULL && memcmp(base, section->base, BUNDLE_BASE_SIZE) != 0)
			return failure_set(error, FAULT_AZREPO_BUNDLE,
					   "%s has deltas from several releases and no full "
					   "payload",
					   path);
		base = section->base;
	}
	*ret_base = base;
	return base != NULL || failure_set(error, FAULT_AZREPO_BUNDLE,
					   "%s has neither a full payload nor a delta", path);
}

static gboolean has_root(const struct repository *repository, const char *target,
			 const json_t *entry, const uint8_t *base)
{
	json_t *hash = json_object_get(json_object_get(entry, "hashes"), "sha256");
	g_autofree char *file = repository_target_file(target, json_string_value(hash));
	g_autofree char *path = g_build_filename(repository->path, file, NULL);
	g_auto(Opened) opened = { .source = NULL };

	return bundle_load(path, NULL, &opened, NULL) &&
	       memcmp(opened.bundle->manifest->root.root_hash, base, BUNDLE_BASE_SIZE) == 0;
}

/* The version whose root image the delta starts from, out of the bundles of the repository. */
static char *base_version(const struct repository *repository, const struct bundlefile *file,
			  const uint8_t *base, GError **error)
{
	json_t *targets = json_object_get(role_signed(repository_latest(repository, ROLE_TARGETS)),
					  "targets");
	g_autofree char *prefix = g_strdup_printf("bundles/%s/%s/", file->product,
						  file->architecture);
	g_autofree char *hex = crypto_hex(base, BUNDLE_BASE_SIZE);
	const char *target;
	json_t *entry;

	json_object_foreach(targets, target, entry)
	{
		json_t *custom = json_object_get(json_object_get(entry, "custom"), "azupdate");
		const char *version = json_string_value(json_object_get(custom, "version"));

		if (version != NULL && g_str_has_prefix(target, prefix) &&
		    has_root(repository, target, entry, base))
			return g_strdup(version);
	}
	failure_set(error, FAULT_AZREPO_BASE,
		    "%s is a delta from a release whose root hash starts with %s, and no bundle "
		    "here has that",
		    file->file, hex);
	return NULL;
}

static gboolean names_good(const struct bundlefile *file, GError **error)
{
	return names_check("product", file->product, error) &&
	       names_check("architecture", file->architecture, error) &&
	       names_check("version", file->version, error) &&
	       names_check("file name", file->file, error) &&
	       (g_str_has_suffix(file->file, ".azb") ||
		failure_set(error, FAULT_AZREPO_NAME, "the file name \"%s\" does not end with .azb",
			    file->file));
}

struct bundlefile *bundlefile_read(const struct repository *repository, const char *aside,
				   const char *path, const struct bundlefile_options *options,
				   GError **error)
{
	g_autoptr(Bundlefile) file = g_new0(struct bundlefile, 1);
	g_auto(Opened) opened = { .source = NULL };
	const struct manifest *manifest;
	uint8_t hash[CRYPTO_HASH_SIZE];
	const uint8_t *base;

	if (!bundle_load(aside, options->keyring, &opened, error))
		return NULL;
	manifest = opened.bundle->manifest;
	file->product = g_strdup(manifest->product);
	file->architecture = g_strdup(manifest->architecture);
	file->version = g_strdup(manifest->version);
	file->security_version = manifest->security_version;
	file->file = g_path_get_basename(path);
	crypto_digest("SHA256", g_bytes_get_data(opened.bundle->manifest_bytes, NULL),
		      g_bytes_get_size(opened.bundle->manifest_bytes), "", 0, hash);
	file->manifest = crypto_hex(hash, sizeof hash);
	if (!names_good(file, error) || !base_find(opened.bundle, path, &base, error))
		return NULL;
	if (base != NULL && options->from != NULL)
		file->from = g_strdup(options->from);
	else if (base != NULL)
		file->from = base_version(repository, file, base, error);
	return base == NULL || file->from != NULL ? g_steal_pointer(&file) : NULL;
}

char *bundlefile_target(const struct bundlefile *file)
{
	return g_strdup_printf("bundles/%s/%s/%s/%s", file->product, file->architecture,
			       file->version, file->file);
}

json_t *bundlefile_custom(const struct bundlefile *file)
{
	json_t *custom = json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:s}", "format", 1, "kind",
				   file->from != NULL ? "delta" : "full", "product", file->product,
				   "architecture", file->architecture, "version", file->version,
				   "security_version", (json_int_t)file->security_version,
				   "manifest", file->manifest);

	if (file->from != NULL)
		json_object_set_new(custom, "from", json_string(file->from));
	return json_pack("{s:o}", "azupdate", custom);
}

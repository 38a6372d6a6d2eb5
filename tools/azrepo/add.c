/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "bundlefile.h"
#include "command.h"
#include "failure.h"
#include "files.h"
#include "finish.h"
#include "place.h"
#include "version.h"

static struct {
	struct bundlefile_options bundle;
	struct command_signing signing;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "keyring", 0, 0, G_OPTION_ARG_FILENAME, &options.bundle.keyring,
	  "certificates that the bundles' signatures must lead to (not verified)",
	  "FILE or FOLDER" },
	{ "from", 0, 0, G_OPTION_ARG_STRING, &options.bundle.from,
	  "version that a delta starts from, where no bundle here has it", "VERSION" },
	G_OPTION_ENTRY_NULL
};

/* All bundles of a version are of one release, and a name keeps its bytes for ever: a machine may
 * have fetched a part of them. */
static gboolean listed_check(const json_t *targets, const struct bundlefile *file,
			     const char *target, const json_t *entry, GError **error)
{
	const struct place place = { file->product, file->architecture, NULL };
	const json_t *old = json_object_get(targets, target);
	const char *name;
	json_t *other;

	if (old != NULL && !json_equal(old, entry))
		return failure_set(error, FAULT_AZREPO_BUNDLE,
				   "%s is in the repository already, with other bytes", target);
	json_object_foreach((json_t *)targets, name, other)
	{
		json_t *custom = json_object_get(json_object_get(other, "custom"), "azupdate");
		const char *version = json_string_value(json_object_get(custom, "version"));
		const char *manifest = json_string_value(json_object_get(custom, "manifest"));

		if (version != NULL && place_has(&place, "bundles", name) &&
		    version_compare(version, file->version) == 0 &&
		    g_strcmp0(manifest, file->manifest) != 0)
			return failure_set(error, FAULT_AZREPO_BUNDLE,
					   "%s is another release of version %s than %s",
					   file->file, file->version, name);
	}
	return TRUE;
}

static gboolean product_check(const struct repository *repository, const struct bundlefile *file,
			      GError **error)
{
	struct place place = { g_strdup(file->product), g_strdup(file->architecture), NULL };
	const gboolean done = place_complete(repository, &place, error);

	g_free(place.product);
	g_free(place.architecture);
	return done;
}

/* From here on it is listed, if it is right; its bytes lie aside until then. */
static gboolean aside_list(struct repository *repository, json_t *targets, const char *path,
			   const char *aside, json_t *entry, GError **error)
{
	g_autoptr(Bundlefile)
		file = bundlefile_read(repository, aside, path, &options.bundle, error);
	g_autofree char *target = NULL, *name = NULL;

	if (file == NULL || !product_check(repository, file, error))
		return FALSE;
	target = bundlefile_target(file);
	json_object_set_new(entry, "custom", bundlefile_custom(file));
	if (!listed_check(targets, file, target, entry, error))
		return FALSE;
	name = repository_target_file(target, json_string_value(json_object_get(
						      json_object_get(entry, "hashes"), "sha256")));
	if (!files_adopt(repository->path, aside, name, error))
		return FALSE;
	json_object_set(targets, target, entry);
	printf("%s: %s%s%s\n", target, file->from != NULL ? "delta from " : "full",
	       file->from != NULL ? file->from : "",
	       options.bundle.keyring != NULL ? ", verified" : "");
	return TRUE;
}

static gboolean bundle_add(struct repository *repository, json_t *targets, const char *path,
			   GError **error)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *aside = NULL, *hex = NULL;
	g_autoptr(JsonValue) entry = NULL;
	uint64_t size_bytes;

	if (!files_copy(repository->path, path, &aside, &size_bytes, hash, error))
		return FALSE;
	hex = crypto_hex(hash, sizeof hash);
	entry = json_pack("{s:I, s:{s:s}}", "length", (json_int_t)size_bytes, "hashes", "sha256",
			  hex);
	if (aside_list(repository, targets, path, aside, entry, error))
		return TRUE;
	(void)g_unlink(aside); /* else the next command does it */
	return FALSE;
}

gboolean command_add(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO BUNDLE...",
		"Takes bundles into the repository: copies them, and lists them in targets with "
		"version, kind and manifest. Full ones first: a delta is recognized by its base. "
		"No "
		"machine takes one before publish puts its version into a channel.",
		2, -1
	};
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;
	json_t *draft;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.signing, error))
		return FALSE;
	repository = command_begin(argv[1], &options.signing, &keychain, error);
	draft = repository != NULL ? repository_change(repository, ROLE_TARGETS, error) : NULL;
	if (draft == NULL)
		return FALSE;
	for (int i = 2; i < argc; i++)
		if (!bundle_add(repository, json_object_get(role_signed(draft), "targets"), argv[i],
				error))
			return FALSE;
	return finish(repository, keychain, options.signing.prepare, error);
}

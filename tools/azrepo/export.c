/* SPDX-License-Identifier: MIT */
/* A bundle for where there is no network: with the metadata that vouch for it, so that the machine
 * judges it as if it had asked the server. */
#include <stdio.h>
#include <string.h>

#include "bundlewrite.h"
#include "channel.h"
#include "command.h"
#include "failure.h"
#include "files.h"
#include "metapack.h"

static char *output;

static const GOptionEntry ENTRIES[] = { { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
					  "bundle to write", "FILE" },
					G_OPTION_ENTRY_NULL };

static gboolean file_add(GPtrArray *pack, const struct repository *repository, const char *name,
			 size_t max, GError **error)
{
	g_autoptr(GBytes) bytes = files_get(repository->path, name, max, error);

	if (bytes == NULL)
		return FALSE;
	metapack_add(pack, name, bytes);
	return TRUE;
}

static gboolean metadata_add(GPtrArray *pack, const struct repository *repository, enum role role,
			     json_int_t version, GError **error)
{
	g_autofree char *file = role_file(role, version);
	g_autofree char *name = g_build_filename("metadata", file, NULL);

	return file_add(pack, repository, name, ROLE_METADATA_MAX, error);
}

/* All roots, for machines that know the first one only. */
static gboolean roles_add(GPtrArray *pack, const struct repository *repository, GError **error)
{
	const json_int_t roots = role_version(repository->published[ROLE_ROOT]);

	for (json_int_t version = 1; version <= roots; version++)
		if (!metadata_add(pack, repository, ROLE_ROOT, version, error))
			return FALSE;
	for (unsigned role = ROLE_ROOT + 1; role < ROLE_COUNT; role++)
		if (repository->published[role] != NULL &&
		    !metadata_add(pack, repository, (enum role)role,
				  role_version(repository->published[role]), error))
			return FALSE;
	return TRUE;
}

/* The path of what is signed under that name, or NULL. */
static char *target_file(const json_t *envelope, const char *name)
{
	json_t *entry = envelope == NULL
				? NULL
				: json_object_get(json_object_get(role_signed(envelope), "targets"),
						  name);
	const char *hash = json_string_value(
		json_object_get(json_object_get(entry, "hashes"), "sha256"));

	return hash == NULL ? NULL : repository_target_file(name, hash);
}

static gboolean channels_add(GPtrArray *pack, const struct repository *repository, GError **error)
{
	const json_t *envelope = repository->published[ROLE_CHANNELS];
	json_t *targets = json_object_get(role_signed(envelope), "targets");
	const char *name;
	json_t *entry;

	json_object_foreach(targets, name, entry)
	{
		g_autofree char *file = target_file(envelope, name);

		if (file != NULL && !file_add(pack, repository, file, CHANNEL_SIZE_MAX, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean bundle_export(const struct repository *repository, const char *target,
			      GError **error)
{
	g_autofree char *file = target_file(repository->published[ROLE_TARGETS], target);
	g_autofree char *path = NULL;
	g_autoptr(GPtrArray) pack = metapack_new();
	g_autoptr(GBytes) name = g_bytes_new(target, strlen(target));
	g_autoptr(GBytes) metadata = NULL;

	if (file == NULL)
		return failure_set(error, FAULT_ARGUMENT,
				   "the repository has no bundle \"%s\": azrepo status lists them",
				   target);
	metapack_add(pack, "target", name);
	if (!roles_add(pack, repository, error) || !channels_add(pack, repository, error))
		return FALSE;
	metadata = metapack_encode(pack, error);
	path = g_build_filename(repository->path, file, NULL);
	if (metadata == NULL || !bundlewrite_carry(path, metadata, output, error))
		return FALSE;
	printf("%s carries %s, with %zu bytes of metadata\n", output, target,
	       g_bytes_get_size(metadata));
	return TRUE;
}

gboolean command_export(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO BUNDLE",
		"Writes a bundle of the repository, named as azrepo status names it, together with "
		"the metadata that vouch for it: for machines without a network, which judge it as "
		"if they had asked the server. Metadata expire: export it anew before it is used.",
		2, 2
	};
	g_autoptr(Repository) repository = NULL;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, NULL, error) ||
	    !command_need("output", output, error))
		return FALSE;
	repository = repository_open(argv[1], FALSE, error);
	if (repository == NULL)
		return FALSE;
	if (repository->published[ROLE_TIMESTAMP] == NULL ||
	    repository->published[ROLE_ROOT] == NULL)
		return failure_set(error, FAULT_AZREPO_WAITING, "nothing was published yet");
	return bundle_export(repository, argv[2], error);
}

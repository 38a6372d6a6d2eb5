/* SPDX-License-Identifier: MIT */
/* The files are laid out as the folder that they were in, so that one client reads a stick, a
 * folder and what a bundle carries. */
#include "carried.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"
#include "metapack.h"
#include "offer.h"
#include "repo.h"

enum { TARGET_NAME_MAX = 512 };

static const char TARGET_FILE[] = "target";

static gboolean file_lay(const char *folder, const struct metapack_file *file, GError **error)
{
	g_autofree char *path = g_build_filename(folder, file->name, NULL);
	g_autofree char *parent = g_path_get_dirname(path);
	g_autoptr(GError) cause = NULL;
	gsize size_bytes;
	const char *bytes = g_bytes_get_data(file->bytes, &size_bytes);

	if (g_mkdir_with_parents(parent, 0700) < 0)
		return failure_set(error, FAULT_STATE_FILE, "cannot make %s: %s", parent,
				   g_strerror(errno));
	return g_file_set_contents(path, bytes != NULL ? bytes : "", (gssize)size_bytes, &cause) ||
	       failure_set(error, FAULT_STATE_FILE, "%s", cause->message);
}

/* Whoever named a file as a folder of another one gets an error of the file system. */
static gboolean files_lay(const char *folder, const GPtrArray *pack, GError **error)
{
	for (guint i = 0; i < pack->len; i++)
		if (!file_lay(folder, pack->pdata[i], error))
			return FALSE;
	return TRUE;
}

/* The folders are left by unlinking what was laid: nothing else is in there. */
static void files_remove(const char *folder, const GPtrArray *pack)
{
	for (guint i = 0; i < pack->len; i++) {
		const struct metapack_file *file = pack->pdata[i];
		g_autofree char *path = g_build_filename(folder, file->name, NULL);

		(void)unlink(path); /* what stays is in a folder of the running boot */
	}
	for (guint i = 0; i < pack->len; i++) {
		const struct metapack_file *file = pack->pdata[i];
		g_autofree char *parent = g_path_get_dirname(file->name);

		while (strcmp(parent, ".") != 0) {
			g_autofree char *path = g_build_filename(folder, parent, NULL);
			char *above = g_path_get_dirname(parent);

			(void)rmdir(path);
			g_free(parent);
			parent = above;
		}
	}
	(void)rmdir(folder);
}

static char *target_name(const GPtrArray *pack, GError **error)
{
	GBytes *bytes = metapack_find(pack, TARGET_FILE);

	if (bytes != NULL && g_bytes_get_size(bytes) > 0 &&
	    g_bytes_get_size(bytes) <= TARGET_NAME_MAX)
		return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	failure_set(error, FAULT_CARRIED_TARGET,
		    "the metadata that the bundle carries do not say which target it is");
	return NULL;
}

/* The bundle's manifest is the one that the signed metadata name. */
static gboolean manifest_match(const struct bundle *bundle, const struct repo_target *target,
			       GError **error)
{
	g_autoptr(Offer)
		offer = offer_decode(target->custom != NULL ? target->custom : "{}", error);
	uint8_t hash[CRYPTO_HASH_SIZE];
	gsize size_bytes;
	const void *bytes = g_bytes_get_data(bundle->manifest_bytes, &size_bytes);

	if (offer == NULL)
		return FALSE;
	crypto_digest("SHA256", bytes, size_bytes, "", 0, hash);
	return memcmp(hash, offer->manifest_hash, sizeof hash) == 0 ||
	       failure_set(error, FAULT_CARRIED_TARGET,
			   "the metadata that the bundle carries are of another bundle");
}

static gboolean repo_judge(const struct bundle *bundle, const char *folder, const char *name,
			   const struct carried_options *options, GError **error)
{
	g_autofree char *state_dir = g_build_filename(options->config->state_dir, "repository",
						      NULL);
	const struct repo_options repo_options = {
		.location = folder,
		.root_file = options->config->repository_root,
		.state_dir = state_dir,
		.accept_expired = options->accept_expired,
		.cancellable = options->cancellable,
	};
	g_autoptr(Repo) repo = repo_open(&repo_options, error);
	g_autoptr(RepoTarget) target = NULL;

	if (repo == NULL || !repo_refresh(repo, options->now_s, error))
		return FALSE;
	target = repo_target(repo, name, error);
	return target != NULL && manifest_match(bundle, target, error);
}

static gboolean pack_judge(const struct bundle *bundle, const GPtrArray *pack,
			   const struct carried_options *options, GError **error)
{
	g_autofree char *name = target_name(pack, error);
	g_autofree char *folder = NULL;
	gboolean done;

	if (name == NULL)
		return FALSE;
	folder = g_build_filename(options->config->run_dir, "carried-XXXXXX", NULL);
	if (g_mkdir_with_parents(options->config->run_dir, 0755) < 0 ||
	    g_mkdtemp_full(folder, 0700) == NULL)
		return failure_set(error, FAULT_STATE_FILE, "cannot make %s: %s", folder,
				   g_strerror(errno));
	done = files_lay(folder, pack, error) && repo_judge(bundle, folder, name, options, error);
	files_remove(folder, pack);
	return done;
}

gboolean carried_check(const struct bundle *bundle, const struct carried_options *options,
		       GError **error)
{
	const struct config *config = options->config;
	const struct bundle_section *section = bundle_find(bundle, "", BUNDLE_METADATA);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GPtrArray) pack = NULL;

	if (options->accept_expired && !config->accept_expired)
		return failure_set(error, FAULT_CARRIED_EXPIRED,
				   "expired metadata are accepted only where the configuration "
				   "says [repository] accept-expired=yes");
	if (section == NULL && config->bundles_listed)
		return failure_set(error, FAULT_CARRIED_MISSING,
				   "the bundle carries no metadata of the repository, which the "
				   "configuration asks for");
	if (section == NULL || !g_file_test(config->repository_root, G_FILE_TEST_EXISTS))
		return TRUE;
	bytes = bundle_section_read(bundle, section, error);
	pack = bytes != NULL ? metapack_decode(bytes, error) : NULL;
	return pack != NULL && pack_judge(bundle, pack, options, error);
}

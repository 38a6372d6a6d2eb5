/* SPDX-License-Identifier: MIT */
/* Removes what no client can want any more: old metadata, then the targets' files that none of
 * what stays leads to. Everything is decided before the first file goes. Roots stay for ever:
 * machines follow them one by one. */
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "failure.h"
#include "files.h"
#include "keep.h"

enum { DAY_S = 86400, DEPTH_MAX = 16 };

static struct {
	int versions;
	int days;
	gboolean dry;
} options = { .versions = KEEP_VERSIONS, .days = KEEP_DAYS };

static const GOptionEntry ENTRIES[] = { { "keep", 0, 0, G_OPTION_ARG_INT, &options.versions,
					  "so many replaced versions of each role stay (3)", "N" },
					{ "days", 0, 0, G_OPTION_ARG_INT, &options.days,
					  "and what was replaced within so many days (14)",
					  "DAYS" },
					{ "dry-run", 0, 0, G_OPTION_ARG_NONE, &options.dry,
					  "only tell what would be removed", NULL },
					G_OPTION_ENTRY_NULL };

struct prune {
	const struct repository *repository;
	struct keep_rule rule;
	GHashTable *wanted; /* names of files, that metadata which stay lead to */
	GPtrArray *gone;    /* names of files, in the order in which they go */
	guint64 bytes;
};

static gboolean file_look(const struct prune *prune, const char *name, GStatBuf *ret_status,
			  GError **error)
{
	g_autofree char *path = g_build_filename(prune->repository->path, name, NULL);

	return g_lstat(path, ret_status) == 0 ||
	       failure_set(error, FAULT_AZREPO_METADATA, "cannot look at %s: %s", name,
			   g_strerror(errno));
}

static void file_condemn(struct prune *prune, const char *name, const GStatBuf *status)
{
	g_ptr_array_add(prune->gone, g_strdup(name));
	prune->bytes += (guint64)status->st_size;
}

static void targets_want(struct prune *prune, const json_t *envelope)
{
	json_t *targets = json_object_get(role_signed(envelope), "targets");
	const char *target;
	json_t *entry;

	json_object_foreach(targets, target, entry)
	{
		const char *hash = json_string_value(
			json_object_get(json_object_get(entry, "hashes"), "sha256"));

		if (hash != NULL)
			g_hash_table_add(prune->wanted, repository_target_file(target, hash));
	}
}

/* An old version that stays, with all that it leads to. */
static gboolean version_want(struct prune *prune, enum role role, const char *name, GError **error)
{
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(JsonValue) envelope = NULL;
	g_autofree char *why = NULL;

	if (role == ROLE_SNAPSHOT)
		return TRUE;
	bytes = files_get(prune->repository->path, name, ROLE_METADATA_MAX, error);
	if (bytes == NULL)
		return FALSE;
	envelope = role_decode(role, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &why);
	if (envelope == NULL)
		return failure_set(error, FAULT_AZREPO_METADATA, "%s: %s", name, why);
	targets_want(prune, envelope);
	return TRUE;
}

static int version_compare_down(gconstpointer a, gconstpointer b)
{
	const gint64 *left = a, *right = b;

	return *left < *right ? 1 : *left > *right ? -1 : 0;
}

/* The newest first. */
static GArray *versions_list(const struct prune *prune, enum role role, GError **error)
{
	g_autofree char *folder = g_build_filename(prune->repository->path, "metadata", NULL);
	g_autoptr(GError) why = NULL;
	GDir *dir = g_dir_open(folder, 0, &why);
	GArray *versions;
	const char *file;

	if (dir == NULL) {
		failure_set(error, FAULT_AZREPO_FOLDER, "%s", why->message);
		return NULL;
	}
	versions = g_array_new(FALSE, FALSE, sizeof(gint64));
	while ((file = g_dir_read_name(dir)) != NULL) {
		const gint64 version = keep_file_version(file, role_name(role));

		if (version > 0)
			g_array_append_val(versions, version);
	}
	g_dir_close(dir);
	g_array_sort(versions, version_compare_down);
	return versions;
}

/* A version was replaced when the next one that is there was written. */
static gboolean role_walk(struct prune *prune, enum role role, GError **error)
{
	const gint64 published = role_version(prune->repository->published[role]);
	g_autoptr(GArray) versions = versions_list(prune, role, error);
	gint64 replaced_s = G_MAXINT64;

	for (guint i = 0; versions != NULL && i < versions->len; i++) {
		const gint64 version = g_array_index(versions, gint64, i);
		g_autofree char *file = role_file(role, version);
		g_autofree char *name = g_build_filename("metadata", file, NULL);
		GStatBuf status;

		if (!file_look(prune, name, &status, error))
			return FALSE;
		if (!keep_version(&prune->rule, published, version, replaced_s))
			file_condemn(prune, name, &status);
		else if (!version_want(prune, role, name, error))
			return FALSE;
		replaced_s = status.st_mtime;
	}
	return versions != NULL;
}

static gboolean folder_walk(struct prune *prune, const char *folder, unsigned depth,
			    GError **error);

static gboolean entry_walk(struct prune *prune, const char *name, unsigned depth, GError **error)
{
	g_autofree char *file = g_path_get_basename(name);
	GStatBuf status;

	if (!file_look(prune, name, &status, error))
		return FALSE;
	if (S_ISDIR(status.st_mode))
		return folder_walk(prune, name, depth + 1, error);
	if (S_ISREG(status.st_mode) && keep_is_target(file) &&
	    !g_hash_table_contains(prune->wanted, name) &&
	    !keep_file(&prune->rule, status.st_mtime))
		file_condemn(prune, name, &status);
	return TRUE;
}

static gboolean folder_walk(struct prune *prune, const char *folder, unsigned depth, GError **error)
{
	g_autofree char *path = g_build_filename(prune->repository->path, folder, NULL);
	GDir *dir = depth <= DEPTH_MAX ? g_dir_open(path, 0, NULL) : NULL;
	gboolean done = TRUE;
	const char *file;

	if (dir == NULL)
		return depth == 0 || failure_set(error, FAULT_AZREPO_FOLDER,
						 "the folder %s cannot be read", folder);
	while (done && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *name = g_build_filename(folder, file, NULL);

		done = entry_walk(prune, name, depth, error);
	}
	g_dir_close(dir);
	return done;
}

static gboolean decide(struct prune *prune, GError **error)
{
	static const enum role ROLES[] = { ROLE_SNAPSHOT, ROLE_TARGETS, ROLE_CHANNELS };

	for (unsigned i = 0; i < G_N_ELEMENTS(ROLES); i++) {
		const struct repository *repository = prune->repository;

		if (repository->published[ROLES[i]] != NULL && !role_walk(prune, ROLES[i], error))
			return FALSE;
		/* What waits for signatures is not there yet; its targets are. */
		if (repository->draft[ROLES[i]] != NULL)
			targets_want(prune, repository->draft[ROLES[i]]);
	}
	return folder_walk(prune, "targets", 0, error);
}

static gboolean carry_out(const struct prune *prune, GError **error)
{
	for (guint i = 0; i < prune->gone->len; i++) {
		if (!options.dry &&
		    !files_remove(prune->repository->path, prune->gone->pdata[i], error))
			return FALSE;
		printf("%s\n", (const char *)prune->gone->pdata[i]);
	}
	printf("%s: %u files, %" G_GUINT64_FORMAT " bytes\n",
	       options.dry ? "would be removed" : "removed", prune->gone->len, prune->bytes);
	return TRUE;
}

static gboolean options_check(GError **error)
{
	if (options.versions < 0 || options.versions > KEEP_VERSIONS_MAX)
		return failure_set(error, FAULT_ARGUMENT, "--keep must be from 0 to %d",
				   KEEP_VERSIONS_MAX);
	return (options.days >= 0 && options.days <= KEEP_DAYS_MAX) ||
	       failure_set(error, FAULT_ARGUMENT, "--days must be from 0 to %d", KEEP_DAYS_MAX);
}

gboolean command_prune(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO",
		"Removes metadata that have been replaced, and files of targets that nothing leads "
		"to any more: what is both older than --days and not among the last --keep "
		"versions. Roots stay.",
		1, 1
	};
	const struct command_signing none = { .keys = NULL };
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;
	struct prune prune;
	gboolean done;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, NULL, error) || !options_check(error))
		return FALSE;
	repository = command_begin(argv[1], &none, &keychain, error);
	if (repository == NULL)
		return FALSE;
	prune = (struct prune){
		.repository = repository,
		.rule = { options.versions, (gint64)options.days * DAY_S, repository->now_s },
		.wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.gone = g_ptr_array_new_with_free_func(g_free),
	};
	done = decide(&prune, error) && carry_out(&prune, error);
	g_hash_table_unref(prune.wanted);
	g_ptr_array_unref(prune.gone);
	return done;
}

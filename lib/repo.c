/* SPDX-License-Identifier: MIT */
#include "repo.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "tufclient.h"
#include "tufget.h"
#include "tufpath.h"
#include "tufstore.h"

enum { KEPT_MAX = 1024 * 1024 }; /* of what repo_read() keeps */

struct repo {
	struct tufget *metadata;
	struct tufget *files;
	gboolean is_folder;
	char *state_dir;
	GBytes *shipped;
	gint64 not_before_s;
	gboolean accept_expired;
	struct tufstore *store; /* NULL until the first refresh or load */
	struct tufclient *client;
	struct tufview view;
	gboolean ready;
};

/* --- open --- */

static gboolean root_read(struct repo *repo, const char *path, GError **error)
{
	const struct tuflimits limits = tuflimits_default();
	g_autoptr(GError) why = NULL;
	g_autoptr(Tufrole) root = NULL;
	char *bytes = NULL;
	gsize size_bytes = 0;

	if (!g_file_get_contents(path, &bytes, &size_bytes, &why))
		return failure_set(error, FAULT_TUF_ROOT, "cannot read the trusted root: %s",
				   why->message);
	repo->shipped = g_bytes_new_take(bytes, size_bytes);
	if (size_bytes > limits.root_bytes)
		return failure_set(error, FAULT_TUF_ROOT, "the trusted root %s is too large", path);
	root = tufrole_decode(TUFROLE_ROOT, "root", repo->shipped, &why);
	if (root != NULL && tufrole_verify(root, &root->grants[TUFROLE_ROOT], &why))
		return TRUE;
	return failure_set(error, FAULT_TUF_ROOT, "the trusted root %s: %s", path, why->message);
}

static struct tufget *part_open(const struct repo_options *options, const char *part,
				GError **error)
{
	const unsigned time_s = options->file_time_s > 0 ? options->file_time_s : REPO_FILE_TIME_S;
	g_autofree char *place = NULL;

	if (g_path_is_absolute(options->location)) {
		place = g_build_filename(options->location, part, NULL);
		return tufget_folder(place);
	}
	place = tufget_url_join(options->location, part);
	return tufget_http(place, options->network, time_s, options->cancellable, error);
}

struct repo *repo_open(const struct repo_options *options, GError **error)
{
	g_autoptr(Repo) repo = g_new0(struct repo, 1);

	repo->state_dir = g_strdup(options->state_dir);
	repo->not_before_s = options->not_before_s;
	repo->accept_expired = options->accept_expired;
	repo->is_folder = g_path_is_absolute(options->location);
	if (!repo->is_folder && !tufget_url_check(options->location, error))
		return NULL;
	if (!root_read(repo, options->root_file, error))
		return NULL;
	repo->metadata = part_open(options, "metadata", error);
	if (repo->metadata == NULL)
		return NULL;
	repo->files = part_open(options, "targets", error);
	return repo->files != NULL ? g_steal_pointer(&repo) : NULL;
}

void repo_close(struct repo *repo)
{
	if (repo == NULL)
		return;
	tufclient_free(repo->client);
	tufstore_close(repo->store);
	tufget_free(repo->metadata);
	tufget_free(repo->files);
	g_clear_pointer(&repo->shipped, g_bytes_unref);
	g_free(repo->state_dir);
	g_free(repo);
}

/* --- refresh and load --- */

static gboolean store_ready(struct repo *repo, GError **error)
{
	const struct tuflimits limits = tuflimits_default();

	if (repo->store == NULL)
		repo->store = tufstore_open(repo->state_dir, error);
	if (repo->store == NULL)
		return FALSE;
	if (repo->client == NULL)
		repo->client = tufclient_new(tufget_transport(repo->metadata),
					     tufstore_storage(repo->store), &limits);
	return TRUE;
}

static gboolean view_run(struct repo *repo, gint64 now_s, gboolean offline, GError **error)
{
	repo->ready = FALSE;
	repo->view = (struct tufview){ .now_s = now_s,
				       .accept_expired = repo->accept_expired,
				       .offline = offline };
	if (!store_ready(repo, error))
		return FALSE;
	/* Where no time counts, a clock that was never set need not stop anybody. */
	if (!repo->accept_expired &&
	    !tufstore_time_check(repo->store, now_s, repo->not_before_s, &repo->view.now_s, error))
		return FALSE;
	if (!tufclient_begin(repo->client, repo->shipped, error) ||
	    !tufclient_refresh(repo->client, repo->view, error))
		return FALSE;
	repo->ready = TRUE;
	return TRUE;
}

gboolean repo_refresh(struct repo *repo, gint64 now_s, GError **error)
{
	return view_run(repo, now_s, FALSE, error) &&
	       (repo->accept_expired || tufstore_time_save(repo->store, repo->view.now_s, error));
}

gboolean repo_load(struct repo *repo, gint64 now_s, GError **error)
{
	return view_run(repo, now_s, TRUE, error);
}

/* --- targets --- */

static char *target_file(const struct repo *repo, const char *name, const struct tuffile *file)
{
	const char *hash = file->sha256 != NULL ? file->sha256 : file->sha512;

	return tufpath_target_file(name, tufclient_is_consistent(repo->client) ? hash : NULL);
}

static const struct tuffile *file_find(struct repo *repo, const char *name,
				       const struct tufrole **ret_role, GError **error)
{
	const struct tuffile *file;

	g_assert(repo->ready);
	file = tufclient_target(repo->client, name, ret_role, error);
	if (file == NULL || file->sha256 != NULL || file->sha512 != NULL)
		return file;
	failure_set(error, FAULT_TUF_HASH, "%s is listed with no hash that is known here", name);
	return NULL;
}

struct repo_target *repo_target(struct repo *repo, const char *name, GError **error)
{
	const struct tufrole *role = NULL;
	const struct tuffile *file = file_find(repo, name, &role, error);
	g_autofree char *path = file != NULL ? target_file(repo, name, file) : NULL;
	struct repo_target *target;

	if (file == NULL)
		return NULL;
	target = g_new0(struct repo_target, 1);
	target->name = g_strdup(name);
	target->location = tufget_location(repo->files, path);
	target->is_file = repo->is_folder;
	target->role = g_strdup(role->name);
	target->size_bytes = file->size_bytes;
	target->sha256 = g_strdup(file->sha256);
	target->sha512 = g_strdup(file->sha512);
	if (file->custom != NULL)
		target->custom = json_text(file->custom, JSON_COMPACT);
	return target;
}

void repo_target_free(struct repo_target *target)
{
	if (target == NULL)
		return;
	g_free(target->name);
	g_free(target->location);
	g_free(target->role);
	g_free(target->sha256);
	g_free(target->sha512);
	g_free(target->custom);
	g_free(target);
}

/* One place for each name, so that what is kept does not grow with each new version. */
static char *kept_name(const char *name)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *hex = NULL;

	crypto_digest("SHA256", name, strlen(name), NULL, 0, hash);
	hex = crypto_hex(hash, sizeof hash);
	return g_strconcat("read/", hex, NULL);
}

/* NULL: there is none, or it is not what is listed now. */
static GBytes *kept_load(struct repo *repo, const char *place, const struct tuffile *file)
{
	struct tufstorage *storage = tufstore_storage(repo->store);
	g_autoptr(GBytes) bytes = NULL;

	if (file->size_bytes > KEPT_MAX || !storage->load(storage, place, KEPT_MAX, &bytes, NULL) ||
	    bytes == NULL || !tuffile_check(file, place, bytes, NULL))
		return NULL;
	return g_steal_pointer(&bytes);
}

static GBytes *target_fetch(struct repo *repo, const char *name, const struct tuffile *file,
			    GError **error)
{
	struct tuftransport *transport = tufget_transport(repo->files);
	g_autofree char *path = target_file(repo, name, file);
	g_autoptr(GBytes) bytes = NULL;

	if (!repo->view.offline &&
	    !transport->get(transport, path, (size_t)file->size_bytes, &bytes, error))
		return NULL;
	if (bytes == NULL) {
		failure_set(error, FAULT_TUF_MISSING, "%s is not there", name);
		return NULL;
	}
	return tuffile_check(file, name, bytes, error) ? g_steal_pointer(&bytes) : NULL;
}

GBytes *repo_read(struct repo *repo, const char *name, size_t max, GError **error)
{
	const struct tuffile *file = file_find(repo, name, NULL, error);
	g_autofree char *place = kept_name(name);
	struct tufstorage *storage = tufstore_storage(repo->store);
	g_autoptr(GBytes) bytes = NULL;

	if (file == NULL)
		return NULL;
	if (file->size_bytes > MIN(max, REPO_READ_MAX)) {
		failure_set(error, FAULT_TUF_LENGTH,
			    "%s is listed with %" G_GUINT64_FORMAT " bytes", name,
			    file->size_bytes);
		return NULL;
	}
	bytes = kept_load(repo, place, file);
	if (bytes != NULL)
		return g_steal_pointer(&bytes);
	bytes = target_fetch(repo, name, file, error);
	if (bytes == NULL)
		return NULL;
	if (file->size_bytes <= KEPT_MAX && !storage->save(storage, place, bytes, error))
		return NULL;
	return g_steal_pointer(&bytes);
}

/* --- status --- */

static void role_free(gpointer data)
{
	struct repo_role *role = data;

	g_free(role->name);
	g_free(role);
}

GPtrArray *repo_roles(const struct repo *repo)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(role_free);
	g_autoptr(GPtrArray) roles = repo->ready ? tufclient_roles(repo->client) : NULL;

	for (guint i = 0; roles != NULL && i < roles->len; i++) {
		const struct tufrole *role = roles->pdata[i];
		struct repo_role *copy = g_new0(struct repo_role, 1);

		copy->name = g_strdup(role->name);
		copy->version = role->version;
		copy->expires_s = role->expires_s;
		g_ptr_array_add(list, copy);
	}
	return list;
}

gint64 repo_expires(const struct repo *repo, const char **ret_role)
{
	g_autoptr(GPtrArray) roles = repo->ready ? tufclient_roles(repo->client) : NULL;
	const struct tufrole *first = NULL;

	for (guint i = 0; roles != NULL && i < roles->len; i++) {
		const struct tufrole *role = roles->pdata[i];

		if (first == NULL || role->expires_s < first->expires_s)
			first = role;
	}
	if (first != NULL && ret_role != NULL)
		*ret_role = first->name;
	return first != NULL ? first->expires_s : 0;
}

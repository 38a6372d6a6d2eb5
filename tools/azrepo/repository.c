/* SPDX-License-Identifier: MIT */
#include "repository.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "failure.h"
#include "files.h"

enum { FORMAT = 1, LOCK_TRIES = 100, LOCK_PAUSE_US = 100000, DAY_S = 86400, NAME_MAX_SIZE = 512 };

static const char SETTINGS[] = ".azrepo/settings.json", DRAFT[] = ".azrepo/draft.json";
static const enum role DRAFTED[] = { ROLE_ROOT, ROLE_TARGETS, ROLE_CHANNELS, ROLE_SNAPSHOT,
				     ROLE_TIMESTAMP };

void repository_free(struct repository *repository)
{
	if (repository == NULL)
		return;
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		json_decref(repository->published[i]);
		json_decref(repository->draft[i]);
	}
	json_decref(repository->settings);
	if (repository->lock_fd >= 0)
		(void)close(repository->lock_fd); /* unlocks */
	g_free(repository->path);
	g_free(repository);
}

/* Another command may be publishing: that takes moments, unless it copies bundles. */
static gboolean lock_take(struct repository *repository, GError **error)
{
	g_autofree char *path = g_build_filename(repository->path, ".azrepo", "lock", NULL);

	repository->lock_fd = g_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (repository->lock_fd < 0)
		return failure_set(error, FAULT_AZREPO_WRITE, "cannot open %s: %s", path,
				   g_strerror(errno));
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(repository->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return TRUE;
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		g_usleep(LOCK_PAUSE_US);
	}
	return failure_set(error, FAULT_AZREPO_LOCKED, "%s is locked by another azrepo",
			   repository->path);
}

static json_t *object_load(const char *top, const char *name, GError **error)
{
	g_autoptr(GBytes) bytes = files_get(top, name, ROLE_METADATA_MAX, error);
	g_autofree char *why = NULL;
	json_t *object;

	if (bytes == NULL)
		return NULL;
	object = json_object_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &why);
	if (object != NULL && json_integer_value(json_object_get(object, "format")) == FORMAT)
		return object;
	failure_set(error, FAULT_AZREPO_FOLDER, "%s/%s is damaged: %s", top, name,
		    why != NULL ? why : "its format is not known");
	json_decref(object);
	return NULL;
}

static gboolean exists(const struct repository *repository, const char *name)
{
	g_autofree char *path = g_build_filename(repository->path, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean published_load(struct repository *repository, enum role role, json_int_t version,
			       GError **error)
{
	g_autofree char *file = role_file(role, version);
	g_autofree char *name = g_build_filename("metadata", file, NULL);
	g_autoptr(GBytes) bytes = files_get(repository->path, name, ROLE_METADATA_MAX, error);
	g_autofree char *why = NULL;

	if (bytes == NULL)
		return FALSE;
	repository->published[role] = role_decode(role, g_bytes_get_data(bytes, NULL),
						  g_bytes_get_size(bytes), &why);
	if (repository->published[role] == NULL)
		return failure_set(error, FAULT_AZREPO_METADATA, "%s/%s is damaged: %s",
				   repository->path, name, why);
	if (role != ROLE_TIMESTAMP && role_version(repository->published[role]) != version)
		return failure_set(error, FAULT_AZREPO_METADATA, "%s/%s is of version %lld",
				   repository->path, name,
				   (long long)role_version(repository->published[role]));
	return TRUE;
}

static json_int_t listed_version(const json_t *envelope, const char *file)
{
	json_t *meta = json_object_get(role_signed(envelope), "meta");

	return json_integer_value(json_object_get(json_object_get(meta, file), "version"));
}

/* Root versions have no gaps: the last one is the one without a next. */
static gboolean root_load(struct repository *repository, GError **error)
{
	json_int_t version = 0;

	for (;;) {
		g_autofree char *file = role_file(ROLE_ROOT, version + 1);
		g_autofree char *name = g_build_filename("metadata", file, NULL);

		if (!exists(repository, name))
			break;
		version++;
	}
	return version == 0 || published_load(repository, ROLE_ROOT, version, error);
}

static gboolean chain_load(struct repository *repository, GError **error)
{
	json_t **published = repository->published;

	if (!root_load(repository, error))
		return FALSE;
	if (!exists(repository, "metadata/timestamp.json"))
		return TRUE; /* nothing was published yet */
	return published_load(repository, ROLE_TIMESTAMP, 0, error) &&
	       published_load(repository, ROLE_SNAPSHOT,
			      listed_version(published[ROLE_TIMESTAMP], "snapshot.json"), error) &&
	       published_load(repository, ROLE_TARGETS,
			      listed_version(published[ROLE_SNAPSHOT], "targets.json"), error) &&
	       published_load(repository, ROLE_CHANNELS,
			      listed_version(published[ROLE_SNAPSHOT], "channels.json"), error);
}

/* What is published already is no draft any more. */
static gboolean draft_load(struct repository *repository, GError **error)
{
	g_autoptr(JsonValue) draft = NULL;

	if (!exists(repository, DRAFT))
		return TRUE;
	draft = object_load(repository->path, DRAFT, error);
	if (draft == NULL)
		return FALSE;
	repository->lost = json_is_true(json_object_get(draft, "lost"));
	for (unsigned i = 0; i < G_N_ELEMENTS(DRAFTED); i++) {
		const enum role role = DRAFTED[i];
		json_t *envelope = json_object_get(draft, role_name(role));
		json_t *published = repository->published[role];

		if (envelope != NULL &&
		    (published == NULL || role_version(published) < role_version(envelope)))
			repository->draft[role] = json_incref(envelope);
		repository->waited[role] = repository->draft[role] != NULL;
	}
	return TRUE;
}

static struct repository *repository_new(const char *path)
{
	struct repository *repository = g_new0(struct repository, 1);

	repository->path = g_strdup(path);
	repository->lock_fd = -1;
	repository->now_s = g_get_real_time() / G_USEC_PER_SEC;
	return repository;
}

struct repository *repository_create(const char *path, json_t *settings, GError **error)
{
	g_autoptr(Repository) repository = repository_new(path);
	g_autofree char *own = g_build_filename(path, ".azrepo", NULL);
	g_autofree char *metadata = g_build_filename(path, "metadata", NULL);
	g_autofree char *targets = g_build_filename(path, "targets", NULL);

	/* Without these, an init was killed before it had done anything. */
	if (exists(repository, "metadata/1.root.json") || exists(repository, DRAFT)) {
		failure_set(error, FAULT_AZREPO_EXISTS, "%s holds a repository already", path);
		return NULL;
	}
	if (g_mkdir_with_parents(own, 0700) < 0 || g_mkdir_with_parents(metadata, 0755) < 0 ||
	    g_mkdir_with_parents(targets, 0755) < 0) {
		failure_set(error, FAULT_AZREPO_WRITE, "cannot make folders in %s: %s", path,
			    g_strerror(errno));
		return NULL;
	}
	repository->settings = json_incref(settings);
	return lock_take(repository, error) && repository_settings_save(repository, error)
		       ? g_steal_pointer(&repository)
		       : NULL;
}

struct repository *repository_open(const char *path, gboolean lock, GError **error)
{
	g_autoptr(Repository) repository = repository_new(path);

	if (!exists(repository, SETTINGS)) {
		failure_set(error, FAULT_AZREPO_FOLDER, "%s is no repository that azrepo keeps",
			    path);
		return NULL;
	}
	if (lock && !lock_take(repository, error))
		return NULL;
	if (lock)
		files_clean(path);
	repository->settings = object_load(path, SETTINGS, error);
	if (repository->settings == NULL || !chain_load(repository, error) ||
	    !draft_load(repository, error))
		return NULL;
	return g_steal_pointer(&repository);
}

json_t *repository_latest(const struct repository *repository, enum role role)
{
	return repository->draft[role] != NULL ? repository->draft[role]
					       : repository->published[role];
}

gint64 repository_expiry(const struct repository *repository, enum role role)
{
	json_t *days = json_object_get(repository->settings, "expires_days");

	return repository->now_s +
	       json_integer_value(json_object_get(days, role_name(role))) * DAY_S;
}

json_t *repository_change(struct repository *repository, enum role role, GError **error)
{
	if (repository->draft[role] != NULL && !repository->waited[role])
		return repository->draft[role];
	if (repository->draft[role] != NULL) {
		failure_set(error, FAULT_AZREPO_WAITING, "%s version %lld waits for signatures",
			    role_name(role), (long long)role_version(repository->draft[role]));
		return NULL;
	}
	if (repository->published[role] == NULL) {
		failure_set(error, FAULT_AZREPO_WAITING, "%s was never published", role_name(role));
		return NULL;
	}
	repository->draft[role] = role_next(repository->published[role],
					    repository_expiry(repository, role));
	return repository->draft[role];
}

static gboolean object_save(const struct repository *repository, const char *name,
			    const json_t *object, GError **error)
{
	char *text = json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);
	const gboolean done = files_put(repository->path, name, text, strlen(text), error);

	free(text);
	return done;
}

gboolean repository_settings_save(const struct repository *repository, GError **error)
{
	return object_save(repository, SETTINGS, repository->settings, error);
}

gboolean repository_draft_save(const struct repository *repository, GError **error)
{
	g_autoptr(JsonValue)
		draft = json_pack("{s:i, s:b}", "format", FORMAT, "lost", repository->lost);
	unsigned count = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(DRAFTED); i++) {
		json_t *envelope = repository->draft[DRAFTED[i]];

		if (envelope != NULL)
			json_object_set(draft, role_name(DRAFTED[i]), envelope);
		count += envelope != NULL;
	}
	if (count == 0)
		return !exists(repository, DRAFT) || files_remove(repository->path, DRAFT, error);
	return object_save(repository, DRAFT, draft, error);
}

char *repository_target_file(const char *target, const char *hash)
{
	g_autofree char *folder = g_path_get_dirname(target);
	g_autofree char *file = g_path_get_basename(target);

	return g_strdup_printf("targets/%s/%s.%s", folder, hash, file);
}

/* SPDX-License-Identifier: MIT */
/* From a ref to a recipe, with all that is checked on the way, and to the static delta. */
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "objectkeys.h"
#include "source_ostree_private.h"
#include "tufstore.h"

enum {
	REF_FILE_MAX = 256,
	STATE_MAX = 64,
	WAIT_STEP_US = 100000, /* a cancel is noticed within this */
};

/* --- files of the repository --- */

/* Whether to try again, and when: in backoff.until_ms. */
static gboolean may_pass(struct source_ostree *ostree, const GError *why)
{
	const fault code = failure_code(why);

	if (code == FAULT_WORKER_DIED && !ostree->was_begun_anew) {
		g_warning("%s: %s; a new one goes on", ostree->source.name, why->message);
		ostree->was_begun_anew = TRUE;
		return TRUE;
	}
	return (code == FAULT_HTTP_CONNECT || code == FAULT_HTTP_TRANSFER ||
		code == FAULT_HTTP_STATUS || code == FAULT_REPO_SLOW) &&
	       backoff_fail(&ostree->backoff, g_get_monotonic_time() / 1000, g_random_int(), 0);
}

/* The same in the words of those who run such a repository. */
static gboolean failure_tell(const struct source_ostree *ostree, GError *why, GError **error)
{
	const gboolean is_large = failure_code(why) == FAULT_TUF_LENGTH;

	if (is_large)
		failure_set(error, FAULT_OSTREE_LARGE, "%s: %s", ostree->source.name, why->message);
	else
		g_propagate_error(error, g_error_copy(why));
	g_error_free(why);
	return FALSE;
}

static gboolean wait_until(struct source_ostree *ostree, int64_t until_us, GError **error)
{
	int64_t now_us;

	while ((now_us = g_get_monotonic_time()) < until_us) {
		if (g_cancellable_is_cancelled(ostree->source.cancellable))
			return failure_set(error, FAULT_CONVERGE_CANCELLED,
					   "the job was cancelled");
		g_usleep((gulong)MIN(until_us - now_us, WAIT_STEP_US));
	}
	return TRUE;
}

static gboolean limit_wait(struct source_ostree *ostree, GError **error)
{
	const int64_t now_us = g_get_monotonic_time();

	return wait_until(ostree, now_us + pace_limit_wait_us(&ostree->limit, now_us), error);
}

/* A whole file, with retries. */
static gboolean file_get(struct source_ostree *ostree, const char *name, size_t size_max,
			 GBytes **ret_bytes, GError **error)
{
	struct tuftransport *transport = tufget_transport(ostree->get);

	for (;;) {
		GError *why = NULL;

		if (!limit_wait(ostree, error))
			return FALSE;
		ostree->source.requests++;
		if (transport->get(transport, name, size_max, ret_bytes, &why)) {
			backoff_succeed(&ostree->backoff);
			ostree->backoff.patience_ms = ostree->patience_ms;
			ostree->was_begun_anew = FALSE;
			break;
		}
		ostree->source.retries++;
		if (!may_pass(ostree, why))
			return failure_tell(ostree, why, error);
		g_error_free(why);
		if (!wait_until(ostree, ostree->backoff.until_ms * 1000, error))
			return FALSE;
	}
	if (*ret_bytes != NULL) {
		ostree->source.fetched_bytes += g_bytes_get_size(*ret_bytes);
		pace_limit_charge(&ostree->limit, g_get_monotonic_time(),
				  g_bytes_get_size(*ret_bytes));
	}
	return TRUE;
}

/* The same of a file that must be there. */
static GBytes *named_get(gpointer user_data, const char *name, size_t size_max, GError **error)
{
	struct source_ostree *ostree = user_data;
	GBytes *bytes = NULL;

	if (!file_get(ostree, name, size_max, &bytes, error))
		return NULL;
	if (bytes == NULL)
		failure_set(error, FAULT_OSTREE_FETCH, "%s: the server has no %s",
			    ostree->source.name, name);
	return bytes;
}

static GBytes *object_get(struct source_ostree *ostree, const uint8_t *object, const char *kind,
			  size_t size_max, GError **error)
{
	g_autofree char *name = objectfile_path(object, kind);

	return named_get(ostree, name, size_max, error);
}

GBytes *source_ostree_content_get(struct source_ostree *ostree, const uint8_t *object,
				  GError **error)
{
	g_autoptr(GBytes) packed = object_get(ostree, object, "filez",
					      RECIPE_CONTENT_MAX + SOURCE_OSTREE_SLACK, error);

	return packed != NULL ? objectfile_content(packed, object, RECIPE_CONTENT_MAX, error)
			      : NULL;
}

/* --- from the ref to the recipe --- */

gboolean source_ostree_ref_get(struct source_ostree *ostree, GError **error)
{
	g_autofree char *name = g_strconcat(SOURCE_OSTREE_REFS, ostree->ref, NULL);
	g_autoptr(GBytes) bytes = NULL;
	g_autofree char *text = NULL;

	if (ostree->is_known)
		return TRUE;
	if (!file_get(ostree, name, REF_FILE_MAX, &bytes, error))
		return FALSE;
	if (bytes != NULL)
		text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	if (text == NULL || !crypto_unhex(g_strstrip(text), ostree->commit, OBJECTFILE_HASH_SIZE))
		return failure_set(error, FAULT_OSTREE_FETCH, "%s: the server has no ref %s",
				   ostree->source.name, ostree->ref);
	ostree->is_known = TRUE;
	return TRUE;
}

static gboolean signature_check(struct source_ostree *ostree, GBytes *commit, GError **error)
{
	g_autoptr(Objectkeys) keys = objectkeys_load(ostree->key_folder, error);
	g_autofree char *name = objectfile_path(ostree->commit, "commitmeta");
	g_autoptr(GBytes) detached = NULL;
	g_autoptr(GPtrArray) signatures = NULL;

	if (keys == NULL || !file_get(ostree, name, OBJECTFILE_METADATA_MAX, &detached, error))
		return FALSE;
	if (detached != NULL)
		signatures = objectfile_signatures(detached);
	if (signatures == NULL || !objectkeys_verify(keys, commit, signatures))
		return failure_set(error, FAULT_OSTREE_SIGNATURE,
				   "%s: the commit of %s has no signature by a key of %s",
				   ostree->source.name, ostree->ref, ostree->key_folder);
	return TRUE;
}

/* Remembers how late the commit is, after everything else about it was good. */
static gboolean time_check(struct source_ostree *ostree, uint64_t time_s, GError **error)
{
	g_autofree char *now = g_strdup_printf("%" G_GUINT64_FORMAT "\n", time_s);
	g_autoptr(Tufstore) store = NULL;
	g_autoptr(GBytes) bytes = NULL;
	struct tufstorage *storage;
	uint64_t seen_s = 0;

	if (ostree->state_folder == NULL || ostree->is_named)
		return TRUE;
	store = tufstore_open(ostree->state_folder, error);
	if (store == NULL)
		return FALSE;
	storage = tufstore_storage(store);
	if (!storage->load(storage, ostree->state_name, STATE_MAX, &bytes, error))
		return FALSE;
	if (bytes != NULL) {
		g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL),
						  g_bytes_get_size(bytes));

		seen_s = g_ascii_strtoull(text, NULL, 10);
	}
	if (time_s < seen_s)
		return failure_set(error, FAULT_OSTREE_OLDER,
				   "%s: the commit of %s is %" G_GUINT64_FORMAT
				   " s older than the one seen before",
				   ostree->source.name, ostree->ref, seen_s - time_s);
	if (time_s == seen_s)
		return TRUE;
	g_clear_pointer(&bytes, g_bytes_unref);
	bytes = g_bytes_new(now, strlen(now));
	return storage->save(storage, ostree->state_name, bytes, error);
}

static gboolean commit_check(struct source_ostree *ostree, const struct objectfile_commit *commit,
			     GError **error)
{
	if (commit->refs == NULL ||
	    !g_strv_contains((const char *const *)commit->refs, ostree->ref))
		return failure_set(error, FAULT_OSTREE_BINDING,
				   "%s: the commit is not bound to the ref %s", ostree->source.name,
				   ostree->ref);
	if (commit->origin == NULL)
		return failure_set(error, FAULT_RECIPE_OTHER,
				   "%s: the commit of %s is no release of azbundle ostree",
				   ostree->source.name, ostree->ref);
	return time_check(ostree, commit->time_s, error);
}

void source_ostree_delta_tell(const struct source_ostree *ostree, const GError *why)
{
	g_message("%s: the static delta is of no use: %s; objects are fetched instead",
		  ostree->source.name, why->message);
}

/* The delta from what this machine runs, if the release has one. */
static void delta_find(struct source_ostree *ostree)
{
	struct staticuse_options options = {
		.base = ostree->base,
		.keys = ostree->key_folder,
		.folder = ostree->state_folder,
		.workers = ostree->workers,
		.cancellable = ostree->source.cancellable,
		.get = named_get,
		.user_data = ostree,
	};
	g_autofree char *name = NULL;
	g_autoptr(GBytes) known = NULL;
	g_autoptr(GError) why = NULL;
	uint8_t file[OBJECTFILE_HASH_SIZE];

	if (ostree->base == NULL || ostree->state_folder == NULL)
		return;
	name = staticbase_name(ostree->base->commit);
	if (!objectfile_folder_find(ostree->folder, ostree->folder_object, name, file, NULL))
		return;
	memcpy(options.to, ostree->recipe->commit, sizeof options.to);
	options.known = known = source_ostree_content_get(ostree, file, &why);
	if (known != NULL)
		ostree->delta = staticuse_open(&options, &why);
	if (why != NULL)
		source_ostree_delta_tell(ostree, why);
}

/* Of this file of the release's folder; it must be of the commit that the release is of. */
static struct recipe *recipe_get(struct source_ostree *ostree, const char *name, const char *origin,
				 GError **error)
{
	uint8_t file[OBJECTFILE_HASH_SIZE];
	g_autoptr(GBytes) content = NULL;
	g_autoptr(Recipe) recipe = NULL;
	g_autofree char *commit = NULL;

	if (!objectfile_folder_find(ostree->folder, ostree->folder_object, name, file, error))
		return NULL;
	content = source_ostree_content_get(ostree, file, error);
	if (content != NULL)
		recipe = recipe_decode(g_bytes_get_data(content, NULL), g_bytes_get_size(content),
				       error);
	if (recipe == NULL)
		return NULL;
	commit = crypto_hex(recipe->commit, sizeof recipe->commit);
	if (strcmp(commit, origin) == 0)
		return g_steal_pointer(&recipe);
	failure_set(error, FAULT_OSTREE_PINNED, "%s: the recipe is of commit %s, not of %s",
		    ostree->source.name, commit, origin);
	return NULL;
}

static void whole_take(struct source_ostree *ostree, struct recipe *recipe)
{
	recipe_free(ostree->recipe);
	ostree->recipe = recipe;
	ostree->is_whole = TRUE;
	ostree->source.total_bytes = recipe->total_bytes;
	delta_find(ostree);
}

gboolean source_ostree_whole_get(struct source_ostree *ostree, GError **error)
{
	struct recipe *recipe = NULL;

	if (ostree->is_whole)
		return TRUE;
	if (ostree->whole_failure == NULL)
		recipe = recipe_get(ostree, RECIPE_NAME, ostree->origin, &ostree->whole_failure);
	if (recipe != NULL)
		whole_take(ostree, recipe);
	else
		g_propagate_error(error, g_error_copy(ostree->whole_failure));
	return recipe != NULL;
}

/* Only the head's at first: a check reads no more, and an install that a delta does for. What was
 * published before there were heads has none. */
static gboolean folder_read(struct source_ostree *ostree, const struct objectfile_commit *commit,
			    GError **error)
{
	uint8_t file[OBJECTFILE_HASH_SIZE];

	g_clear_pointer(&ostree->folder, g_bytes_unref); /* of a try that failed */
	ostree->folder = object_get(ostree, commit->tree, "dirtree", OBJECTFILE_METADATA_MAX,
				    error);
	if (ostree->folder == NULL)
		return FALSE;
	memcpy(ostree->folder_object, commit->tree, sizeof ostree->folder_object);
	g_free(ostree->origin);
	ostree->origin = g_strdup(commit->origin);
	if (!objectfile_folder_find(ostree->folder, commit->tree, RECIPE_HEAD_NAME, file, NULL))
		return source_ostree_whole_get(ostree, error);
	ostree->recipe = recipe_get(ostree, RECIPE_HEAD_NAME, commit->origin, error);
	return ostree->recipe != NULL;
}

gboolean source_ostree_release_find(struct source_ostree *ostree, GError **error)
{
	struct objectfile_commit commit = { 0 };
	g_autoptr(GBytes) bytes = NULL;
	gboolean done;

	if (!source_ostree_ref_get(ostree, error))
		return FALSE;
	bytes = object_get(ostree, ostree->commit, "commit", OBJECTFILE_METADATA_MAX, error);
	done = bytes != NULL && objectfile_commit_decode(bytes, ostree->commit, &commit, error) &&
	       signature_check(ostree, bytes, error) && commit_check(ostree, &commit, error) &&
	       folder_read(ostree, &commit, error);
	ostree->time_s = commit.time_s;
	objectfile_commit_clear(&commit);
	return done;
}

/* SPDX-License-Identifier: MIT */
#include "source_ostree.h"

#include <string.h>

#include "backoff.h"
#include "crypto.h"
#include "failure.h"
#include "objectfetch.h"
#include "objectfile.h"
#include "objectkeys.h"
#include "pace.h"
#include "recipe.h"
#include "tufget.h"
#include "tufstore.h"

enum {
	REF_FILE_MAX = 256,
	STATE_MAX = 64,
	/* Deflate makes of incompressible bytes no more than this. */
	PACKED_SLACK = OBJECTFILE_HEADER_MAX + RECIPE_CONTENT_MAX / 1024,
	CACHE_BYTES_MAX = 2 * RECIPE_CONTENT_MAX,
	WAIT_STEP_US = 100000, /* a cancel is noticed within this */
};

static const char SCHEME[] = "ostree+";
static const char REFS[] = "refs/heads/";

struct source_ostree {
	struct source source;
	char *ref;
	uint8_t commit[OBJECTFILE_HASH_SIZE];
	gboolean is_known; /* `commit` is */
	gboolean is_named; /* by the URL */
	char *key_folder;
	char *state_folder; /* NULL: none */
	char *state_name;
	struct tufget *get;
	struct objectfetch *fetch; /* ahead of the reads; NULL: nobody does */
	struct backoff backoff;
	uint64_t patience_ms;    /* once the server has answered */
	gboolean was_begun_anew; /* a worker, for this file */
	struct pace_limit limit; /* over files: each comes as fast as it can */
	struct recipe *recipe;   /* NULL: nothing was read yet */
	char *origin;
	uint64_t time_s; /* of the commit */
	GQueue cache;    /* struct cached, the last used one first */
	size_t cache_bytes;
};

/* The content of an object that was read a moment ago: neighbours in the image share objects. */
struct cached {
	uint32_t object;
	GBytes *content;
};

gboolean source_ostree_is_url(const char *url)
{
	return g_str_has_prefix(url, "ostree+http://") || g_str_has_prefix(url, "ostree+https://");
}

char *source_ostree_ref_url(const char *url)
{
	const char *hash = strchr(url, '#');
	g_autofree char *folder = NULL;
	g_autofree char *name = NULL;

	if (!source_ostree_is_url(url) || hash == NULL)
		return NULL;
	folder = g_strndup(url + strlen(SCHEME), (gsize)(hash - url) - strlen(SCHEME));
	name = g_strdup_printf("%s%.*s", REFS, (int)strcspn(hash + 1, "@"), hash + 1);
	return tufget_url_join(folder, name);
}

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

static GBytes *object_get(struct source_ostree *ostree, const uint8_t *object, const char *kind,
			  size_t size_max, GError **error)
{
	g_autofree char *name = objectfile_path(object, kind);
	GBytes *bytes = NULL;

	if (!file_get(ostree, name, size_max, &bytes, error))
		return NULL;
	if (bytes == NULL)
		failure_set(error, FAULT_OSTREE_FETCH, "%s: the server has no %s",
			    ostree->source.name, name);
	return bytes;
}

static GBytes *content_get(struct source_ostree *ostree, const uint8_t *object, GError **error)
{
	g_autoptr(GBytes) packed = object_get(ostree, object, "filez",
					      RECIPE_CONTENT_MAX + PACKED_SLACK, error);

	return packed != NULL ? objectfile_content(packed, object, RECIPE_CONTENT_MAX, error)
			      : NULL;
}

/* --- from the ref to the recipe --- */

static gboolean ref_get(struct source_ostree *ostree, GError **error)
{
	g_autofree char *name = g_strconcat(REFS, ostree->ref, NULL);
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

static gboolean recipe_get(struct source_ostree *ostree, const struct objectfile_commit *commit,
			   GError **error)
{
	g_autoptr(GBytes) folder = object_get(ostree, commit->tree, "dirtree",
					      OBJECTFILE_METADATA_MAX, error);
	uint8_t file[OBJECTFILE_HASH_SIZE];
	g_autoptr(GBytes) content = NULL;
	g_autoptr(Recipe) recipe = NULL;
	g_autofree char *origin = NULL;

	if (folder == NULL || !objectfile_folder_find(folder, commit->tree, "recipe", file, error))
		return FALSE;
	content = content_get(ostree, file, error);
	if (content != NULL)
		recipe = recipe_decode(g_bytes_get_data(content, NULL), g_bytes_get_size(content),
				       error);
	if (recipe == NULL)
		return FALSE;
	origin = crypto_hex(recipe->commit, sizeof recipe->commit);
	if (strcmp(origin, commit->origin) != 0)
		return failure_set(error, FAULT_OSTREE_PINNED,
				   "%s: the recipe is of commit %s, not of %s", ostree->source.name,
				   origin, commit->origin);
	ostree->origin = g_steal_pointer(&origin);
	ostree->source.total_bytes = recipe->total_bytes;
	ostree->recipe = g_steal_pointer(&recipe);
	return TRUE;
}

static gboolean release_find(struct source_ostree *ostree, GError **error)
{
	struct objectfile_commit commit = { 0 };
	g_autoptr(GBytes) bytes = NULL;
	gboolean done;

	if (!ref_get(ostree, error))
		return FALSE;
	bytes = object_get(ostree, ostree->commit, "commit", OBJECTFILE_METADATA_MAX, error);
	done = bytes != NULL && objectfile_commit_decode(bytes, ostree->commit, &commit, error) &&
	       signature_check(ostree, bytes, error) && commit_check(ostree, &commit, error) &&
	       recipe_get(ostree, &commit, error);
	ostree->time_s = commit.time_s;
	objectfile_commit_clear(&commit);
	return done;
}

/* --- reading --- */

static void cached_free(struct cached *cached)
{
	g_bytes_unref(cached->content);
	g_free(cached);
}

static void cache_add(struct source_ostree *ostree, uint32_t object, GBytes *content)
{
	struct cached *cached = g_new(struct cached, 1);

	*cached = (struct cached){ object, g_bytes_ref(content) };
	g_queue_push_head(&ostree->cache, cached);
	ostree->cache_bytes += g_bytes_get_size(content);
	while (ostree->cache_bytes > CACHE_BYTES_MAX) {
		struct cached *oldest = g_queue_pop_tail(&ostree->cache);

		ostree->cache_bytes -= g_bytes_get_size(oldest->content);
		cached_free(oldest);
	}
}

/* NULL: it was not fetched ahead. */
static GBytes *content_take(struct source_ostree *ostree, const uint8_t *object)
{
	struct objectfetch_costs costs = { 0 };
	GBytes *content;

	if (ostree->fetch == NULL)
		return NULL;
	content = objectfetch_take(ostree->fetch, object, ostree->source.cancellable, &costs);
	ostree->source.requests += costs.requests;
	ostree->source.fetched_bytes += costs.bytes;
	return content;
}

static GBytes *object_content(struct source_ostree *ostree, uint32_t object, GError **error)
{
	GBytes *content;

	for (GList *at = ostree->cache.head; at != NULL; at = at->next) {
		struct cached *cached = at->data;

		if (cached->object != object)
			continue;
		g_queue_unlink(&ostree->cache, at);
		g_queue_push_head_link(&ostree->cache, at);
		return g_bytes_ref(cached->content);
	}
	content = content_take(ostree, recipe_object(ostree->recipe, object));
	if (content == NULL)
		content = content_get(ostree, recipe_object(ostree->recipe, object), error);
	if (content != NULL)
		cache_add(ostree, object, content);
	if (content != NULL && ostree->fetch != NULL)
		objectfetch_resume(ostree->fetch);
	return content;
}

/* A part of one segment, from `skip` bytes behind its start. */
static gboolean segment_read(struct source_ostree *ostree, const struct recipe_segment *segment,
			     uint64_t skip, uint8_t *bytes, size_t size_bytes, GError **error)
{
	g_autoptr(GBytes) content = NULL;
	const uint64_t offset = segment->offset + skip;

	if (segment->object == RECIPE_ZEROS) {
		memset(bytes, 0, size_bytes);
		return TRUE;
	}
	content = object_content(ostree, segment->object, error);
	if (content == NULL)
		return FALSE;
	if (offset > g_bytes_get_size(content) || size_bytes > g_bytes_get_size(content) - offset)
		return failure_set(error, FAULT_RECIPE_FORMAT,
				   "the recipe names bytes that an object does not have");
	memcpy(bytes, (const uint8_t *)g_bytes_get_data(content, NULL) + offset, size_bytes);
	return TRUE;
}

static gboolean ostree_read(struct source *source, uint64_t offset, uint8_t *bytes,
			    size_t size_bytes, GError **error)
{
	struct source_ostree *ostree = (struct source_ostree *)source;
	guint index;

	if (ostree->recipe == NULL && !release_find(ostree, error))
		return FALSE;
	if (offset > source->total_bytes || size_bytes > source->total_bytes - offset)
		return failure_set(error, FAULT_BUNDLE_TRUNCATED,
				   "%s ends at byte %" G_GUINT64_FORMAT, source->name,
				   source->total_bytes);
	for (index = recipe_find(ostree->recipe, offset); size_bytes > 0; index++) {
		const struct recipe_segment *segment = &g_array_index(ostree->recipe->segments,
								      struct recipe_segment, index);
		const uint64_t left = recipe_end(ostree->recipe, index) - offset;
		const size_t size = (size_t)MIN(left, size_bytes);

		if (!segment_read(ostree, segment, offset - segment->start, bytes, size, error))
			return FALSE;
		offset += size;
		bytes += size;
		size_bytes -= size;
	}
	return TRUE;
}

/* Appends the objects of the range, each once for all ranges. */
static void range_announce(const struct recipe *recipe, const struct source_range *range,
			   GByteArray *objects, uint8_t *seen)
{
	const uint64_t end = range->offset + MIN(range->size_bytes, recipe->total_bytes);

	if (range->offset >= recipe->total_bytes)
		return;
	for (guint i = recipe_find(recipe, range->offset); i < recipe->segments->len; i++) {
		const struct recipe_segment *segment = &g_array_index(recipe->segments,
								      struct recipe_segment, i);
		const uint32_t object = segment->object;

		if (segment->start >= end)
			break;
		if (object == RECIPE_ZEROS || seen[object] != 0)
			continue;
		seen[object] = 1;
		g_byte_array_append(objects, recipe_object(recipe, object), RECIPE_HASH_SIZE);
	}
}

static void ostree_schedule(struct source *source, const struct source_range *ranges, size_t count)
{
	struct source_ostree *ostree = (struct source_ostree *)source;
	g_autoptr(GByteArray) objects = g_byte_array_new();
	g_autofree uint8_t *seen = NULL;

	if (ostree->fetch == NULL || ostree->recipe == NULL)
		return;
	seen = g_malloc0(recipe_object_count(ostree->recipe) + 1u);
	for (size_t i = 0; i < count; i++)
		range_announce(ostree->recipe, &ranges[i], objects, seen);
	objectfetch_announce(ostree->fetch, objects->data, objects->len / RECIPE_HASH_SIZE);
}

static void ostree_close(struct source *source)
{
	struct source_ostree *ostree = (struct source_ostree *)source;

	g_queue_clear_full(&ostree->cache, (GDestroyNotify)cached_free);
	objectfetch_free(ostree->fetch);
	tufget_free(ostree->get);
	recipe_free(ostree->recipe);
	g_free(ostree->origin);
	g_free(ostree->ref);
	g_free(ostree->key_folder);
	g_free(ostree->state_folder);
	g_free(ostree->state_name);
	g_free(ostree);
}

static const struct source_ops OPS = { .read = ostree_read,
				       .schedule = ostree_schedule,
				       .close = ostree_close };

const char *source_ostree_origin(const struct source *source)
{
	return source->ops == &OPS ? ((const struct source_ostree *)source)->origin : NULL;
}

uint64_t source_ostree_time(const struct source *source)
{
	return source->ops == &OPS ? ((const struct source_ostree *)source)->time_s : 0;
}

char *source_ostree_look(struct source *source, GError **error)
{
	struct source_ostree *ostree = (struct source_ostree *)source;

	g_assert(source->ops == &OPS);
	return ref_get(ostree, error) ? crypto_hex(ostree->commit, sizeof ostree->commit) : NULL;
}

/* Of the repository and the ref, without what may be a token. */
static char *state_name(const char *people, const char *ref)
{
	g_autofree char *text = g_strconcat(people, "#", ref, NULL);
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", text, strlen(text), NULL, 0, hash);
	return crypto_hex(hash, sizeof hash);
}

/* REF or REF@COMMIT. */
static gboolean fragment_take(struct source_ostree *ostree, const char *fragment, GError **error)
{
	const char *at = strchr(fragment, '@');

	ostree->ref = at != NULL ? g_strndup(fragment, (gsize)(at - fragment)) : g_strdup(fragment);
	ostree->is_named = ostree->is_known = at != NULL;
	return (objectfile_is_ref(ostree->ref) &&
		(at == NULL || crypto_unhex(at + 1, ostree->commit, OBJECTFILE_HASH_SIZE))) ||
	       failure_set(error, FAULT_HTTP_URL,
			   "behind the URL's # stands neither a ref nor REF@COMMIT");
}

static struct objectfetch *fetch_new(const char *folder, const struct source_options *network,
				     unsigned max_time_s)
{
	const struct objectfetch_options options = {
		.url = folder,
		.network = network,
		.file_time_s = max_time_s,
		.content_max = RECIPE_CONTENT_MAX,
		.packed_max = RECIPE_CONTENT_MAX + PACKED_SLACK,
	};

	return objectfetch_new(&options);
}

static gboolean url_take(struct source_ostree *ostree, const char *url,
			 const struct source_options *network, unsigned max_time_s, GError **error)
{
	const char *hash = strchr(url, '#');
	g_autofree char *folder = NULL;

	if (!source_ostree_is_url(url) || hash == NULL)
		return failure_set(error, FAULT_HTTP_URL,
				   "the URL is not ostree+https://HOST/REPO#REF");
	if (!fragment_take(ostree, hash + 1, error))
		return FALSE;
	folder = g_strndup(url + strlen(SCHEME), (gsize)(hash - url) - strlen(SCHEME));
	ostree->get = tufget_http(folder, network, max_time_s, ostree->source.cancellable, error);
	if (ostree->get == NULL)
		return FALSE;
	/* A limit of the rate is kept file by file. */
	if (network->rate_bytes_s == 0)
		ostree->fetch = fetch_new(folder, network, max_time_s);
	ostree->source.name = source_url_for_people(folder);
	ostree->state_name = state_name(ostree->source.name, ostree->ref);
	return TRUE;
}

struct source *source_open_ostree(const char *url, const struct source_ostree_options *options,
				  const struct source_options *network, GCancellable *cancellable,
				  GError **error)
{
	const struct source_options defaults = source_options_default();
	struct source_ostree *ostree = g_new0(struct source_ostree, 1);

	if (network == NULL)
		network = &defaults;
	ostree->source.ops = &OPS;
	ostree->source.exact = TRUE;
	ostree->source.cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	ostree->key_folder = g_strdup(options->keys);
	ostree->state_folder = g_strdup(options->state);
	ostree->patience_ms = (uint64_t)network->retry_time_s * 1000;
	ostree->limit.bytes_s = network->rate_bytes_s;
	ostree->backoff.first_ms = network->retry_first_ms;
	ostree->backoff.most_ms = network->retry_most_ms;
	ostree->backoff.patience_ms = (uint64_t)MIN(network->greet_time_s, network->retry_time_s) *
				      1000;
	g_queue_init(&ostree->cache);
	if (url_take(ostree, url, network, options->max_time_s, error))
		return &ostree->source;
	source_close(&ostree->source);
	return NULL;
}

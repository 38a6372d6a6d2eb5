/* SPDX-License-Identifier: MIT */
#include "source_ostree.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "source_ostree_private.h"

enum { CACHE_BYTES_MAX = 8 << 20 }; /* more than what all threads of an install read at once */

static const char SCHEME[] = "ostree+";

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
	name = g_strdup_printf("%s%.*s", SOURCE_OSTREE_REFS, (int)strcspn(hash + 1, "@"), hash + 1);
	return tufget_url_join(folder, name);
}

/* --- reading --- */

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

/* With a delta, what that makes is not among them. */
static void objects_announce(struct source_ostree *ostree)
{
	g_autoptr(GByteArray) rest = g_byte_array_new();

	if (ostree->fetch == NULL)
		return;
	for (guint at = 0; at < ostree->wanted->len; at += RECIPE_HASH_SIZE)
		if (ostree->delta == NULL ||
		    !staticuse_makes(ostree->delta, ostree->wanted->data + at))
			g_byte_array_append(rest, ostree->wanted->data + at, RECIPE_HASH_SIZE);
	objectfetch_announce(ostree->fetch, rest->data, rest->len / RECIPE_HASH_SIZE);
}

/* NULL without a failure: no delta makes it. */
static GBytes *content_make(struct source_ostree *ostree, const uint8_t *object, GError **error)
{
	g_autoptr(GError) why = NULL;
	GBytes *content;

	if (ostree->delta == NULL)
		return NULL;
	content = staticuse_take(ostree->delta, object, &why);
	if (why == NULL)
		return content;
	if (g_cancellable_is_cancelled(ostree->source.cancellable)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return NULL;
	}
	source_ostree_delta_tell(ostree, why);
	objects_announce(ostree);
	return NULL;
}

static GBytes *object_content(struct source_ostree *ostree, uint32_t number, GError **error)
{
	const uint8_t *object = recipe_object(ostree->recipe, number);
	GBytes *content = objectcache_find(&ostree->cache, object);
	g_autoptr(GError) why = NULL;

	if (content != NULL)
		return content;
	content = content_make(ostree, object, &why);
	if (why != NULL) {
		g_propagate_error(error, g_steal_pointer(&why));
		return NULL;
	}
	if (content == NULL)
		content = content_take(ostree, object);
	if (content == NULL)
		content = source_ostree_content_get(ostree, object, error);
	if (content != NULL)
		objectcache_add(&ostree->cache, object, content);
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

static gboolean has_range(const struct recipe *recipe, uint64_t offset, size_t size_bytes)
{
	return offset <= recipe->total_bytes && size_bytes <= recipe->total_bytes - offset;
}

static gboolean ostree_read(struct source *source, uint64_t offset, uint8_t *bytes,
			    size_t size_bytes, GError **error)
{
	struct source_ostree *ostree = (struct source_ostree *)source;
	guint index;

	if (ostree->recipe == NULL && !source_ostree_release_find(ostree, error))
		return FALSE;
	if (!has_range(ostree->recipe, offset, size_bytes) &&
	    !source_ostree_whole_get(ostree, error))
		return FALSE;
	if (!has_range(ostree->recipe, offset, size_bytes))
		return failure_set(error, FAULT_BUNDLE_TRUNCATED,
				   "%s ends at byte %" G_GUINT64_FORMAT, source->name,
				   ostree->recipe->total_bytes);
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

/* What begins in the head may end behind it: nobody knows yet how long the head's parts are. */
static gboolean needs_whole(const struct source_ostree *ostree, const struct source_range *ranges,
			    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].offset >= ostree->recipe->total_bytes)
			return TRUE;
	return FALSE;
}

static struct staticchoice ranges_choose(struct source_ostree *ostree,
					 const struct source_range *ranges, size_t count)
{
	const struct staticchoice none = { .parts = 0 };
	g_autofree uint8_t *seen = NULL;

	/* A failure is told to the read that follows. */
	if (needs_whole(ostree, ranges, count) && !source_ostree_whole_get(ostree, NULL))
		return none;
	seen = g_malloc0(recipe_object_count(ostree->recipe) + 1u);
	g_byte_array_set_size(ostree->wanted, 0);
	for (size_t i = 0; i < count; i++)
		range_announce(ostree->recipe, &ranges[i], ostree->wanted, seen);
	return ostree->delta != NULL ? staticuse_choose(ostree->delta, ostree->wanted->data,
							ostree->wanted->len / RECIPE_HASH_SIZE)
				     : none;
}

static void ostree_schedule(struct source *source, const struct source_range *ranges, size_t count)
{
	struct source_ostree *ostree = (struct source_ostree *)source;
	struct staticchoice choice;

	if (ostree->recipe == NULL)
		return;
	choice = ranges_choose(ostree, ranges, count);
	if (choice.parts > 0)
		g_message(
			"%s: %u objects come out of %u parts of a static delta: %" G_GUINT64_FORMAT
			" bytes instead of %" G_GUINT64_FORMAT,
			source->name, choice.objects, choice.parts, choice.part_bytes,
			choice.object_bytes);
	objects_announce(ostree);
}

static void ostree_close(struct source *source)
{
	struct source_ostree *ostree = (struct source_ostree *)source;

	objectcache_clear(&ostree->cache);
	objectfetch_free(ostree->fetch);
	staticuse_free(ostree->delta);
	staticuse_base_free(ostree->base);
	g_byte_array_unref(ostree->wanted);
	tufget_free(ostree->get);
	recipe_free(ostree->recipe);
	g_clear_pointer(&ostree->folder, g_bytes_unref);
	g_clear_error(&ostree->whole_failure);
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

struct staticchoice source_ostree_choose(struct source *source, const struct source_range *ranges,
					 size_t count)
{
	struct source_ostree *ostree = (struct source_ostree *)source;
	const struct staticchoice none = { .parts = 0 };

	return source->ops == &OPS && ostree->recipe != NULL ? ranges_choose(ostree, ranges, count)
							     : none;
}

char *source_ostree_look(struct source *source, GError **error)
{
	struct source_ostree *ostree = (struct source_ostree *)source;

	g_assert(source->ops == &OPS);
	return source_ostree_ref_get(ostree, error)
		       ? crypto_hex(ostree->commit, sizeof ostree->commit)
		       : NULL;
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
		.packed_max = RECIPE_CONTENT_MAX + SOURCE_OSTREE_SLACK,
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
	ostree->cache.size_max = CACHE_BYTES_MAX;
	ostree->workers = network->workers;
	ostree->base = options->base;
	ostree->wanted = g_byte_array_new();
	if (url_take(ostree, url, network, options->max_time_s, error))
		return &ostree->source;
	source_close(&ostree->source);
	return NULL;
}

/* SPDX-License-Identifier: MIT */
#include "ostreeref.h"

#include <string.h>

#include "bundle.h"
#include "crypto.h"
#include "failure.h"
#include "json.h"
#include "network.h"
#include "policy.h"
#include "source_ostree.h"
#include "tufstore.h"

enum {
	FILE_TIME_S = 3600, /* one object of up to 32 MiB, on a slow line */
	FORMAT = 1,
	STATE_MAX = 4096,
};

static const char STATE_FILE[] = "followed.json";

void ostreeref_clear(struct ostreeref *ref)
{
	g_clear_pointer(&ref->commit, g_free);
	g_clear_pointer(&ref->version, g_free);
}

gboolean ostreeref_is_configured(const struct config *config)
{
	return config->repository != NULL && source_ostree_is_url(config->repository);
}

gboolean ostreeref_is_followed(const struct config *config, const char *url)
{
	return url != NULL && ostreeref_is_configured(config) &&
	       strcmp(url, config->repository) == 0;
}

struct ostreeref_options {
	const struct source_options *network;
	struct staticuse_base *base;
	GCancellable *cancellable;
};

static char *state_folder(const struct config *config)
{
	return g_build_filename(config->state_dir, "ostree", NULL);
}

static struct source *source_open(const struct config *config, const char *url,
				  const struct ostreeref_options *how, GError **error)
{
	g_autofree char *state = state_folder(config);
	const struct source_ostree_options options = {
		.keys = config->ostree_keys,
		.state = state,
		.max_time_s = FILE_TIME_S,
		.base = how->base,
	};

	return source_open_ostree(url, &options, how->network, how->cancellable, error);
}

struct source *ostreeref_open(const struct config *config, const char *url,
			      struct staticuse_base *base, GCancellable *cancellable,
			      GError **error)
{
	const struct source_options network = network_options(config);
	const struct ostreeref_options how = { &network, base, cancellable };

	return source_open(config, url, &how, error);
}

gboolean ostreeref_origin_check(const struct source *source, const struct manifest *manifest,
				GError **error)
{
	const char *origin = source_ostree_origin(source);
	const char *named = manifest->ostree_commit;

	return origin == NULL || g_strcmp0(origin, named) == 0 ||
	       failure_set(error, FAULT_OSTREE_PINNED,
			   "the repository says that the release is of commit %s, its manifest %s",
			   origin, named != NULL ? named : "names none");
}

/* --- what is remembered --- */

/* Of which ref it is; not the URL itself, which may carry a token. */
static char *followed_id(const struct config *config)
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", config->repository, strlen(config->repository), NULL, 0, hash);
	return crypto_hex(hash, sizeof hash);
}

static gboolean state_read(const struct config *config, GBytes **ret_bytes, GError **error)
{
	g_autofree char *folder = state_folder(config);
	g_autoptr(Tufstore) store = tufstore_open(folder, error);
	struct tufstorage *storage;

	if (store == NULL)
		return FALSE;
	storage = tufstore_storage(store);
	return storage->load(storage, STATE_FILE, STATE_MAX, ret_bytes, error);
}

static gboolean fields_take(const struct json_reader *reader, json_t *object,
			    struct ostreeref *ret_ref)
{
	const char *commit = json_get_text(reader, object, "commit", 2 * CRYPTO_HASH_SIZE);
	const char *version = json_get_text(reader, object, "version", VERSION_SIZE_MAX);
	const char *manifest = json_get_text(reader, object, "manifest", 2 * OSTREEREF_HASH_SIZE);
	struct ostreeref ref = { .commit = NULL };
	uint64_t time_s;

	if (commit == NULL || version == NULL || manifest == NULL || !version_is_valid(version) ||
	    !crypto_unhex(manifest, ref.manifest_hash, sizeof ref.manifest_hash) ||
	    !json_get_number(reader, object, "security_version", INT64_MAX,
			     &ref.security_version) ||
	    !json_get_number(reader, object, "time", (uint64_t)POLICY_TIME_MAX_S, &time_s))
		return FALSE;
	ref.commit = g_strdup(commit);
	ref.version = g_strdup(version);
	ref.time_s = (int64_t)time_s;
	*ret_ref = ref;
	return TRUE;
}

gboolean ostreeref_load(const struct config *config, struct ostreeref *ret_ref, GError **error)
{
	const struct json_reader reader = { STATE_FILE, FAULT_OSTREE_UNSEEN, NULL };
	g_autofree char *id = followed_id(config);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *why = NULL;
	const char *of;

	if (!state_read(config, &bytes, error))
		return FALSE;
	if (bytes == NULL)
		return failure_set(error, FAULT_OSTREE_UNSEEN, "the ref was never looked at");
	object = json_object_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &why);
	of = object != NULL ? json_get_text(&reader, object, "of", 2 * CRYPTO_HASH_SIZE) : NULL;
	if (of != NULL && strcmp(of, id) != 0)
		return failure_set(error, FAULT_OSTREE_UNSEEN,
				   "another ref was looked at, and not this one");
	return (of != NULL && fields_take(&reader, object, ret_ref)) ||
	       failure_set(error, FAULT_OSTREE_UNSEEN, "%s is damaged", STATE_FILE);
}

static gboolean state_save(const struct config *config, const struct ostreeref *ref, GError **error)
{
	g_autofree char *folder = state_folder(config);
	g_autofree char *id = followed_id(config);
	g_autofree char *manifest = crypto_hex(ref->manifest_hash, sizeof ref->manifest_hash);
	g_autoptr(Tufstore) store = tufstore_open(folder, error);
	g_autoptr(JsonValue) object = NULL;
	g_autoptr(GBytes) bytes = NULL;
	struct tufstorage *storage;
	char *text;

	if (store == NULL)
		return FALSE;
	object = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:s}", "format", FORMAT, "of", id,
			   "commit", ref->commit, "version", ref->version, "security_version",
			   (json_int_t)ref->security_version, "time", (json_int_t)ref->time_s,
			   "manifest", manifest);
	text = json_dumps(object, JSON_INDENT(1));
	bytes = g_bytes_new(text, strlen(text));
	free(text); /* jansson's */
	storage = tufstore_storage(store);
	return storage->save(storage, STATE_FILE, bytes, error);
}

/* --- looking --- */

/* Told at once, instead of at each attempt to stage it. */
static gboolean machine_check(const struct config *config, const struct manifest *manifest,
			      GError **error)
{
	if (strcmp(manifest->product, config->product) != 0)
		return failure_set(error, FAULT_MANIFEST_PRODUCT,
				   "the ref leads to a release for product \"%s\", this machine "
				   "is \"%s\"",
				   manifest->product, config->product);
	return strcmp(manifest->architecture, config->architecture) == 0 ||
	       failure_set(error, FAULT_MANIFEST_ARCHITECTURE,
			   "the ref leads to a release for %s, this machine is %s",
			   manifest->architecture, config->architecture);
}

/* The release of what the ref names now, with all signatures checked. */
static gboolean release_read(const struct config *config, struct source *source,
			     struct ostreeref *ref, GError **error)
{
	g_autoptr(Bundle) bundle = bundle_open(source, config->keyring, error);
	const struct manifest *manifest;
	const void *bytes;
	gsize size_bytes;

	if (bundle == NULL || !ostreeref_origin_check(source, bundle->manifest, error) ||
	    !machine_check(config, bundle->manifest, error))
		return FALSE;
	manifest = bundle->manifest;
	bytes = g_bytes_get_data(bundle->manifest_bytes, &size_bytes);
	crypto_digest("SHA256", bytes, size_bytes, "", 0, ref->manifest_hash);
	ref->version = g_strdup(manifest->version);
	ref->security_version = manifest->security_version;
	ref->time_s = (int64_t)MIN(source_ostree_time(source), (uint64_t)POLICY_TIME_MAX_S);
	return TRUE;
}

gboolean ostreeref_look(const struct config *config, GCancellable *cancellable,
			struct ostreeref *ret_ref, GError **error)
{
	struct source_options network = network_options(config);
	const struct ostreeref_options how = { .network = &network, .cancellable = cancellable };
	g_autoptr(Source) source = NULL;
	g_auto(Ostreeref) found = { .commit = NULL };
	g_auto(Ostreeref) known = { .commit = NULL };

	network.retry_time_s = 0; /* the policy comes back to it */
	source = source_open(config, config->repository, &how, error);
	if (source != NULL)
		found.commit = source_ostree_look(source, error);
	if (found.commit == NULL)
		return FALSE;
	if (ostreeref_load(config, &known, NULL) && strcmp(known.commit, found.commit) == 0) {
		*ret_ref = known;
		known = (struct ostreeref){ .commit = NULL };
		return TRUE;
	}
	if (!release_read(config, source, &found, error) || !state_save(config, &found, error))
		return FALSE;
	*ret_ref = found;
	found = (struct ostreeref){ .commit = NULL };
	return TRUE;
}

/* --- for the policy --- */

struct channel *ostreeref_channel(const struct config *config, const struct ostreeref *ref)
{
	struct channel *channel = g_new0(struct channel, 1);
	struct channel_release *release = g_new0(struct channel_release, 1);

	release->version = g_strdup(ref->version);
	release->security_version = ref->security_version;
	release->published_s = ref->time_s;
	release->bundles = g_new0(char *, 2);
	release->bundles[0] = g_strdup(ref->commit);
	channel->product = g_strdup(config->product);
	channel->architecture = g_strdup(config->architecture);
	channel->name = g_strdup(config->channel);
	channel->releases = release;
	channel->n_releases = 1;
	return channel;
}

char *ostreeref_url(const struct config *config, const struct ostreeref *ref)
{
	const char *hash = strchr(config->repository, '#');

	return hash != NULL && strchr(hash, '@') != NULL
		       ? g_strdup(config->repository)
		       : g_strconcat(config->repository, "@", ref->commit, NULL);
}

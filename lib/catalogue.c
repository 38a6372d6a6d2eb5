/* SPDX-License-Identifier: MIT */
#include "catalogue.h"

#include <string.h>

#include "failure.h"
#include "network.h"
#include "ostreeref.h"
#include "repo.h"

struct catalogue {
	const struct config *config;
	struct repo *repo;         /* NULL: an ostree repository's ref */
	struct ostreeref ref;      /* of a ref that was looked at */
	GCancellable *cancellable; /* may be NULL; owned */
	struct channel *channel;
};

/* repo.h takes a folder by its path. */
static const char *location_of(const char *url)
{
	static const char FOLDER[] = "file://";

	if (url != NULL && g_str_has_prefix(url, FOLDER))
		return url + strlen(FOLDER);
	return url;
}

struct catalogue *catalogue_open(const struct config *config, GCancellable *cancellable,
				 GError **error)
{
	g_autoptr(Catalogue) catalogue = g_new0(struct catalogue, 1);
	g_autofree char *state_dir = g_build_filename(config->state_dir, "repository", NULL);
	const struct source_options network = network_options(config);
	const struct repo_options options = {
		.location = location_of(config->repository),
		.root_file = config->repository_root,
		.state_dir = state_dir,
		.network = &network,
		.cancellable = cancellable,
	};

	catalogue->config = config;
	if (config->repository == NULL) {
		failure_set(error, FAULT_REPOSITORY_NONE,
			    "the configuration names no repository: set [repository] url=");
		return NULL;
	}
	if (cancellable != NULL)
		catalogue->cancellable = g_object_ref(cancellable);
	if (ostreeref_is_configured(config))
		return g_steal_pointer(&catalogue);
	catalogue->repo = repo_open(&options, error);
	return catalogue->repo != NULL ? g_steal_pointer(&catalogue) : NULL;
}

void catalogue_close(struct catalogue *catalogue)
{
	if (catalogue == NULL)
		return;
	channel_free(catalogue->channel);
	repo_close(catalogue->repo);
	ostreeref_clear(&catalogue->ref);
	g_clear_object(&catalogue->cancellable);
	g_free(catalogue);
}

static gboolean channel_read(struct catalogue *catalogue, GError **error)
{
	const struct config *config = catalogue->config;
	g_autofree char *name = g_strdup_printf("channels/%s/%s/%s.json", config->product,
						config->architecture, config->channel);
	g_autoptr(GBytes) bytes = repo_read(catalogue->repo, name, CHANNEL_SIZE_MAX, error);
	g_autoptr(Channel) channel = NULL;

	if (bytes == NULL)
		return FALSE;
	channel = channel_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error);
	if (channel == NULL ||
	    !channel_check(channel, config->product, config->architecture, config->channel, error))
		return FALSE;
	channel_free(catalogue->channel);
	catalogue->channel = g_steal_pointer(&channel);
	return TRUE;
}

static gboolean ref_take(struct catalogue *catalogue, gboolean load, GError **error)
{
	struct ostreeref ref = { .commit = NULL };
	const gboolean done = load ? ostreeref_load(catalogue->config, &ref, error)
				   : ostreeref_look(catalogue->config, catalogue->cancellable, &ref,
						    error);

	if (!done)
		return FALSE;
	ostreeref_clear(&catalogue->ref);
	catalogue->ref = ref;
	channel_free(catalogue->channel);
	catalogue->channel = ostreeref_channel(catalogue->config, &ref);
	return TRUE;
}

gboolean catalogue_refresh(struct catalogue *catalogue, gint64 now_s, GError **error)
{
	if (catalogue->repo == NULL)
		return ref_take(catalogue, FALSE, error);
	return repo_refresh(catalogue->repo, now_s, error) && channel_read(catalogue, error);
}

gboolean catalogue_load(struct catalogue *catalogue, gint64 now_s, GError **error)
{
	if (catalogue->repo == NULL)
		return ref_take(catalogue, TRUE, error);
	return repo_load(catalogue->repo, now_s, error) && channel_read(catalogue, error);
}

const struct channel *catalogue_channel(const struct catalogue *catalogue)
{
	return catalogue->channel;
}

void catalogue_advise(struct catalogue *catalogue, const struct advice *advice)
{
	if (catalogue->channel != NULL)
		advice_apply(advice, catalogue->channel);
}

gboolean catalogue_is_undated(const struct catalogue *catalogue)
{
	return catalogue->repo == NULL;
}

gint64 catalogue_expires(const struct catalogue *catalogue)
{
	return catalogue->repo != NULL ? repo_expires(catalogue->repo, NULL) : 0;
}

void catalogue_bundle_clear(struct catalogue_bundle *bundle)
{
	g_clear_pointer(&bundle->location, g_free);
}

/* The targets of a release, and what is said of each; in both the same index. */
struct choice {
	struct repo_target *targets[CHANNEL_BUNDLES_MAX];
	struct offer *offers[CHANNEL_BUNDLES_MAX];
	unsigned count;
};

static void choice_done(struct choice *choice)
{
	for (unsigned i = 0; i < choice->count; i++) {
		g_clear_pointer(&choice->targets[i], repo_target_free);
		g_clear_pointer(&choice->offers[i], offer_free);
	}
}

/* One that cannot be used stands in the way of no other; what is wrong with it is told. */
static void choice_add(struct choice *choice, struct repo *repo, const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(RepoTarget) target = repo_target(repo, name, &error);
	g_autoptr(Offer) offer = NULL;

	if (target != NULL)
		offer = offer_decode(target->custom != NULL ? target->custom : "{}", &error);
	if (offer == NULL) {
		g_warning("%s is passed over: %s", name, error->message);
		return;
	}
	/* The channel's key may choose among bundles, and not make any. */
	if (strcmp(target->role, "targets") != 0) {
		g_warning("%s is passed over: the role %s lists it, not targets", name,
			  target->role);
		return;
	}
	offer->size_bytes = target->size_bytes;
	choice->targets[choice->count] = g_steal_pointer(&target);
	choice->offers[choice->count++] = g_steal_pointer(&offer);
}

static gboolean choice_take(struct choice *choice, const struct offer_wanted *wanted,
			    struct catalogue_bundle *ret_bundle, GError **error)
{
	const int best = offer_choose((const struct offer *const *)choice->offers, choice->count,
				      wanted);

	if (best < 0)
		return failure_set(error, FAULT_OFFER_NONE,
				   "the repository has no bundle of version %s for this machine",
				   wanted->version);
	ret_bundle->location = g_strdup(choice->targets[best]->location);
	ret_bundle->is_file = choice->targets[best]->is_file;
	ret_bundle->is_delta = choice->offers[best]->is_delta;
	memcpy(ret_bundle->manifest_hash, choice->offers[best]->manifest_hash, OFFER_HASH_SIZE);
	return TRUE;
}

/* The channel has that one release, which has one bundle. */
static gboolean ref_find(const struct catalogue *catalogue, struct catalogue_bundle *ret_bundle)
{
	const struct ostreeref *ref = &catalogue->ref;

	ret_bundle->location = ostreeref_url(catalogue->config, ref);
	memcpy(ret_bundle->manifest_hash, ref->manifest_hash, sizeof ref->manifest_hash);
	return TRUE;
}

gboolean catalogue_find(struct catalogue *catalogue, const struct channel_release *release,
			const char *running, gboolean full_only,
			struct catalogue_bundle *ret_bundle, GError **error)
{
	const struct offer_wanted wanted = {
		.product = catalogue->config->product,
		.architecture = catalogue->config->architecture,
		.version = release->version,
		.running = running,
		.full_only = full_only,
	};
	struct choice choice = { .count = 0 };
	gboolean done;

	if (catalogue->repo == NULL)
		return ref_find(catalogue, ret_bundle);
	for (char **name = release->bundles; *name != NULL && choice.count < CHANNEL_BUNDLES_MAX;
	     name++)
		choice_add(&choice, catalogue->repo, *name);
	done = choice_take(&choice, &wanted, ret_bundle, error);
	choice_done(&choice);
	return done;
}

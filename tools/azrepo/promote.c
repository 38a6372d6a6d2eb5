/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "channeldoc.h"
#include "failure.h"
#include "release.h"
#include "waves.h"

static struct {
	struct release_change change;
	struct waves_options waves;
	char *from;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "product", 0, 0, G_OPTION_ARG_STRING, &options.change.place.product, "product", "NAME" },
	{ "architecture", 0, 0, G_OPTION_ARG_STRING, &options.change.place.architecture,
	  "architecture", "NAME" },
	{ "from", 0, 0, G_OPTION_ARG_STRING, &options.from, "channel that has the release",
	  "NAME" },
	{ "to", 0, 0, G_OPTION_ARG_STRING, &options.change.place.channel,
	  "channel that shall have it", "NAME" },
	WAVES_ENTRIES(options.waves),
	G_OPTION_ENTRY_NULL
};

static gboolean promote(struct repository *repository, const struct place *place, json_t *document,
			const char *version, GError **error)
{
	const struct place origin = { place->product, place->architecture, options.from };
	g_autoptr(JsonValue) source = channeldoc_load(repository, &origin, FALSE, error);
	json_t *found = source != NULL ? channeldoc_release(source, version, error) : NULL;
	const char *why = source != NULL ? channeldoc_revoked(source, version) : NULL;
	char now[ROLE_TIME_SIZE];
	json_t *release;

	if (found == NULL)
		return FALSE;
	if (why != NULL)
		return failure_set(error, FAULT_AZREPO_RELEASE, "version %s is revoked: %s",
				   version, why);
	if (channeldoc_release(document, version, NULL) != NULL)
		return failure_set(error, FAULT_AZREPO_RELEASE,
				   "channel %s has version %s already: change it with publish and "
				   "rollout",
				   place->channel, version);
	release = json_deep_copy(found);
	json_object_del(release, "rollout"); /* another fleet, other waves, other canaries */
	role_time_write(repository->now_s, now);
	json_object_set_new(release, "published", json_string(now));
	if (!waves_apply(release, &options.waves, repository->now_s, error)) {
		json_decref(release);
		return FALSE;
	}
	channeldoc_release_put(document, release);
	return TRUE;
}

gboolean command_promote(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO VERSION",
		"Puts a release of one channel into another, as it is there: bundles, barrier, "
		"dead "
		"end. The rollout is a new one: to everybody at once, or in waves.",
		2, 2
	};

	return command_parse(&argc, &argv, &TEXT, ENTRIES, &options.change.signing, error) &&
	       command_need("from", options.from, error) &&
	       command_need("to", options.change.place.channel, error) &&
	       release_change(argv, &options.change, TRUE, promote, error);
}

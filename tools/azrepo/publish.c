/* SPDX-License-Identifier: MIT */
#include "channeldoc.h"
#include "failure.h"
#include "names.h"
#include "release.h"
#include "waves.h"

static struct {
	struct release_change change;
	struct waves_options waves;
	gboolean barrier;
	char *dead_end;
	gint64 minimum_free_bytes;
	int keep;
} options = { .minimum_free_bytes = -1 };

static const GOptionEntry ENTRIES[] = {
	PLACE_ENTRIES(options.change.place),
	WAVES_ENTRIES(options.waves),
	{ "barrier", 0, 0, G_OPTION_ARG_NONE, &options.barrier,
	  "older machines must not jump over this release", NULL },
	{ "dead-end", 0, 0, G_OPTION_ARG_STRING, &options.dead_end,
	  "no way leads on from this release, and why", "REASON" },
	{ "minimum-free", 0, 0, G_OPTION_ARG_INT64, &options.minimum_free_bytes,
	  "free space that a machine must have in /var", "BYTES" },
	{ "keep", 0, 0, G_OPTION_ARG_INT, &options.keep,
	  "take out the oldest releases above this number; barriers stay", "N" },
	G_OPTION_ENTRY_NULL
};

/* Published again, a release takes new bundles in; what is not said stays. */
static gboolean publish(struct repository *repository, const struct place *place, json_t *document,
			const char *version, GError **error)
{
	g_autoptr(JsonValue) made = channeldoc_release_make(repository, place, version, error);
	json_t *old = made != NULL ? channeldoc_release(document, version, NULL) : NULL;
	json_t *release;

	if (made == NULL)
		return FALSE;
	release = old != NULL ? json_incref(old) : json_incref(made);
	json_object_set(release, "bundles", json_object_get(made, "bundles"));
	if (options.barrier)
		json_object_set_new(release, "barrier", json_true());
	if (options.dead_end != NULL)
		json_object_set_new(release, "dead_end", json_string(options.dead_end));
	if (options.minimum_free_bytes >= 0)
		json_object_set_new(release, "minimum_free_bytes",
				    json_integer(options.minimum_free_bytes));
	if (!waves_apply(release, &options.waves, repository->now_s, error)) {
		json_decref(release);
		return FALSE;
	}
	channeldoc_release_put(document, release);
	if (options.keep > 0)
		channeldoc_trim(document, (size_t)options.keep);
	return TRUE;
}

gboolean command_publish(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO VERSION",
		"Puts a release into a channel, with all its bundles that the repository has: to "
		"everybody at once, or in waves.",
		2, 2
	};

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.change.signing, error))
		return FALSE;
	if (options.keep < 0)
		return failure_set(error, FAULT_ARGUMENT, "--keep is below 1");
	return (options.dead_end == NULL || names_reason_check(options.dead_end, error)) &&
	       release_change(argv, &options.change, TRUE, publish, error);
}

/* SPDX-License-Identifier: MIT */
#include "channeldoc.h"
#include "failure.h"
#include "names.h"
#include "release.h"
#include "waves.h"

static struct {
	struct release_change change;
	struct waves_options waves;
	char *reason;
	gboolean no_shift;
} options;

static gboolean rollout(struct repository *repository, const struct place *place, json_t *document,
			const char *version, GError **error)
{
	json_t *release = channeldoc_release(document, version, error);

	return release != NULL && waves_apply(release, &options.waves, repository->now_s, error);
}

gboolean command_rollout(int argc, char **argv, GError **error)
{
	static const GOptionEntry ENTRIES[] = { PLACE_ENTRIES(options.change.place),
						WAVES_ENTRIES(options.waves), G_OPTION_ENTRY_NULL };
	static const struct command_text TEXT = { "REPO VERSION",
						  "Sets who gets a release when. What is not given "
						  "stays, so that machines keep their "
						  "places in the waves.",
						  2, 2 };

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.change.signing, error))
		return FALSE;
	if (options.waves.waves == NULL && options.waves.start == NULL &&
	    options.waves.salt == NULL && !options.waves.all)
		return failure_set(error, FAULT_ARGUMENT,
				   "nothing to do: give --waves, --start, --salt or --all");
	return release_change(argv, &options.change, FALSE, rollout, error);
}

static gboolean pause_release(struct repository *repository, const struct place *place,
			      json_t *document, const char *version, GError **error)
{
	json_t *release = channeldoc_release(document, version, error);

	if (release != NULL)
		waves_pause(release, options.reason, repository->now_s);
	return release != NULL;
}

gboolean command_pause(int argc, char **argv, GError **error)
{
	static const GOptionEntry ENTRIES[] = { PLACE_ENTRIES(options.change.place),
						{ "reason", 0, 0, G_OPTION_ARG_STRING,
						  &options.reason,
						  "why, for whoever asks a machine", "TEXT" },
						G_OPTION_ENTRY_NULL };
	static const struct command_text TEXT = {
		"REPO VERSION",
		"Stops a rollout: machines that have not staged the release do not begin.", 2, 2
	};

	return command_parse(&argc, &argv, &TEXT, ENTRIES, &options.change.signing, error) &&
	       command_need("reason", options.reason, error) &&
	       names_reason_check(options.reason, error) &&
	       release_change(argv, &options.change, FALSE, pause_release, error);
}

static gboolean resume_release(struct repository *repository, const struct place *place,
			       json_t *document, const char *version, GError **error)
{
	json_t *release = channeldoc_release(document, version, error);

	if (release == NULL)
		return FALSE;
	return waves_resume(release, !options.no_shift, repository->now_s) ||
	       failure_set(error, FAULT_AZREPO_RELEASE, "the rollout of version %s is not paused",
			   version);
}

gboolean command_resume(int argc, char **argv, GError **error)
{
	static const GOptionEntry ENTRIES[] = {
		PLACE_ENTRIES(options.change.place),
		{ "no-shift", 0, 0, G_OPTION_ARG_NONE, &options.no_shift,
		  "waves whose time passed meanwhile come at once", NULL },
		G_OPTION_ENTRY_NULL
	};
	static const struct command_text TEXT = { "REPO VERSION",
						  "Lets a rollout go on where it stopped: the "
						  "waves that were to come are later by the "
						  "length of the pause.",
						  2, 2 };

	return command_parse(&argc, &argv, &TEXT, ENTRIES, &options.change.signing, error) &&
	       release_change(argv, &options.change, FALSE, resume_release, error);
}

/* SPDX-License-Identifier: MIT */
#include "story.h"

enum {
	START = 1792742400, /* Fri 2026-10-23 08:00 UTC: clocks in Europe change that weekend */
	DAY_S = 86400,
	MARGIN_S = 40 * DAY_S,
	NO_RELEASE = 3, /* index of the document before any news */
};

static const char *const ZONES[STORY_ZONES] = {
	"America/Los_Angeles", "America/Chicago", "America/New_York", "America/Sao_Paulo",
	"Europe/London",       "Europe/Berlin",   "Europe/Paris",     "Europe/Warsaw",
	"Europe/Athens",       "Africa/Lagos",    "Asia/Dubai",       "Asia/Kolkata",
	"Asia/Singapore",      "Asia/Shanghai",   "Asia/Tokyo",       "Australia/Sydney",
};
static const char *const VERSIONS[STORY_RELEASES] = { "1.0", "1.1", "1.2" };
/* Nobody downloads anything here. */
static char *const BUNDLES[] = { (char *)"bundles/demo/x86_64/full.azb", NULL };

const char *story_version(unsigned release)
{
	return VERSIONS[release];
}

static void document_make(struct story *story, unsigned index, unsigned n_releases)
{
	const struct options *options = story->options;
	const int64_t starts_s[STORY_RELEASES] = { 0, story->start_s,
						   story->start_s + options->fix_s };
	struct channel *document = &story->documents[index];

	for (unsigned i = 0; i < n_releases; i++) {
		struct channel_rollout *rollout = &story->rollouts[index][i];

		*rollout = options->rollout;
		rollout->start_s = starts_s[i];
		rollout->salt = (char *)VERSIONS[i];
		story->releases[index][i] = (struct channel_release){
			.version = (char *)VERSIONS[i],
			.published_s = starts_s[i],
			.bundles = (char **)BUNDLES,
			.rollout = i > 0 ? rollout : NULL,
		};
	}
	*document = (struct channel){
		.product = (char *)"demo",
		.architecture = (char *)"x86_64",
		.name = (char *)"stable",
		.n_releases = n_releases,
		.releases = story->releases[index],
	};
}

gboolean story_init(struct story *story, const struct options *options, GError **error)
{
	*story = (struct story){
		.options = options,
		.start_s = START,
		.end_s = START + (int64_t)options->days * DAY_S,
		.revoked = { (char *)VERSIONS[STORY_BAD], (char *)"does not boot" },
	};
	document_make(story, NO_RELEASE, 1);
	document_make(story, 0, 2);
	document_make(story, 1, 2);
	document_make(story, 2, 3);
	story->rollouts[1][STORY_BAD].paused = (char *)"machines roll back";
	story->documents[2].revoked = &story->revoked;
	story->documents[2].n_revoked = 1;
	for (unsigned i = 0; i < STORY_ZONES; i++) {
		story->zones[i] = zone_load(ZONES[i], START - MARGIN_S, story->end_s + MARGIN_S,
					    error);
		if (story->zones[i] == NULL)
			return FALSE;
	}
	return TRUE;
}

void story_done(struct story *story)
{
	for (unsigned i = 0; i < STORY_ZONES; i++)
		zone_free(story->zones[i]);
}

const struct channel *story_document(const struct story *story, int64_t time_s)
{
	const struct options *options = story->options;
	const int64_t since_s = time_s - story->start_s;

	if (since_s < 0)
		return &story->documents[NO_RELEASE];
	if (options->fix_s > 0 && since_s >= options->fix_s)
		return &story->documents[2];
	return &story->documents[options->pause_s > 0 && since_s >= options->pause_s];
}

bool story_server_is_up(const struct story *story, int64_t time_s)
{
	const struct options *options = story->options;
	const int64_t since_s = time_s - story->start_s;

	return options->outage_s == 0 || since_s < options->outage_s ||
	       since_s >= (int64_t)options->outage_s + options->outage_for_s;
}

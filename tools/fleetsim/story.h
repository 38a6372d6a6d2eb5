/* SPDX-License-Identifier: MIT */
#pragma once
/* Story of fleetsim: what the server says when. Read by all threads, changed by none. */

#include <stdbool.h>

#include "options.h"
#include "zone.h"

enum {
	STORY_ZONES = 16,
	STORY_RELEASES = 3, /* 1.0 that all run, 1.1 that is bad, 1.2 */
	STORY_BAD = 1,
	STORY_DOCUMENTS = 4,
	STORY_EXPIRES_S = 7 * 86400, /* metadata is signed anew all the time */
};

struct story {
	const struct options *options;
	int64_t start_s; /* 1.1 is published */
	int64_t end_s;
	struct zone *zones[STORY_ZONES];
	struct channel documents[STORY_DOCUMENTS]; /* published, paused, replaced; without any */
	struct channel_release releases[STORY_DOCUMENTS][STORY_RELEASES];
	struct channel_rollout rollouts[STORY_DOCUMENTS][STORY_RELEASES];
	struct channel_revoked revoked;
};

/* FAULT_ZONE. The caller frees with story_done() in either case. */
gboolean story_init(struct story *story, const struct options *options, GError **error);
void story_done(struct story *story);

/* What the server has at that time. */
const struct channel *story_document(const struct story *story, int64_t time_s);
bool story_server_is_up(const struct story *story, int64_t time_s);
const char *story_version(unsigned release);

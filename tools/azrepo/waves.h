/* SPDX-License-Identifier: MIT */
#pragma once
/* Waves as a person writes them, and rollouts of them. */

#include <glib.h>

#include "json.h"

/* "0=1%,1d=20%,3d=100%": seconds, or with m, h, d, since the start; permille, or with %. Both must
 * rise, up to 1000 permille or less. FAULT_AZREPO_WAVES. An array for the channel document, which
 * the caller owns. */
json_t *waves_parse(const char *text, GError **error);

/* The same the other way round, for a person or for waves_parse(). The caller frees. */
char *waves_write(const json_t *waves);

struct waves_options {
	char *waves; /* as above; NULL: not given */
	char *start; /* a time, or NULL: now */
	char *salt;  /* NULL: made at random */
	gboolean all;
};
#define WAVES_ENTRIES(options)                                                                     \
	{ "waves",                                                                                 \
	  0,                                                                                       \
	  0,                                                                                       \
	  G_OPTION_ARG_STRING,                                                                     \
	  &(options).waves,                                                                        \
	  "who gets it when: 0=1%,1d=20%,3d=100%",                                                 \
	  "WAVES" },                                                                               \
		{ "start",                                                                         \
		  0,                                                                               \
		  0,                                                                               \
		  G_OPTION_ARG_STRING,                                                             \
		  &(options).start,                                                                \
		  "when the first wave begins (now), such as 2026-11-26T09:00:00Z",                \
		  "TIME" },                                                                        \
		{ "salt",                                                                          \
		  0,                                                                               \
		  0,                                                                               \
		  G_OPTION_ARG_STRING,                                                             \
		  &(options).salt,                                                                 \
		  "what shuffles the machines (made at random)",                                   \
		  "TEXT" },                                                                        \
	{                                                                                          \
		"all", 0, 0, G_OPTION_ARG_NONE, &(options).all, "everybody at once", NULL          \
	}

/* Changes the rollout of a release. What is not given stays; without waves there is none.
 * FAULT_AZREPO_WAVES, FAULT_ARGUMENT. */
gboolean waves_apply(json_t *release, const struct waves_options *options, gint64 now_s,
		     GError **error);
/* Stops it; the time is kept, so that waves_resume() can shift the waves that were to come. */
void waves_pause(json_t *release, const char *reason, gint64 now_s);
/* FALSE: it was not paused. */
gboolean waves_resume(json_t *release, gboolean shift, gint64 now_s);

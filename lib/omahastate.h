/* SPDX-License-Identifier: MIT */
#pragma once
/* Omaha's state: what the server believes about an update of this machine, and what it is still to
 * be told; kept in STATE/omaha.json. Pure but for loading and saving. */

#include <glib.h>

#include "omaha.h"
#include "version.h"

enum omahastate_phase {
	OMAHASTATE_NONE,
	OMAHASTATE_GRANTED, /* advised; the server asks for no more until it is told of a start */
	/* In these it offers nothing until it is told of an end. */
	OMAHASTATE_DOWNLOADING,
	OMAHASTATE_DOWNLOADED,
	OMAHASTATE_INSTALLED,
	OMAHASTATE_PHASE_COUNT
};

struct omahastate_event {
	enum omaha_event event;
	unsigned error;                      /* a fault; 0: none */
	char previous[VERSION_SIZE_MAX + 1]; /* "": none */
};

struct omahastate {
	enum omahastate_phase phase;
	char version[VERSION_SIZE_MAX + 1]; /* of the update; "" in OMAHASTATE_NONE */
	struct omahastate_event pending[OMAHA_PENDING_MAX];
	unsigned count; /* of pending */
};

/* A file that is missing is an empty state. One that is damaged is, too: what the server believes
 * then shows in its next answer. */
void omahastate_load(const char *state_dir, struct omahastate *ret_state);
gboolean omahastate_save(const char *state_dir, const struct omahastate *state, GError **error);

/* The server has advised an update. Whether the state has changed. */
gboolean omahastate_grant(struct omahastate *state, const char *version);
/* Notes a step, if it is the next one or a later one of this update. Whether the state has changed.
 * Of more than OMAHA_PENDING_MAX events the oldest ones are forgotten. */
gboolean omahastate_step(struct omahastate *state, const struct omaha_step *step);
/* Whatever was begun has failed: for a check while nothing is in progress here. Whether the state
 * has changed. `force`: also if this state knows of nothing, but the server does. */
gboolean omahastate_give_up(struct omahastate *state, gboolean force);

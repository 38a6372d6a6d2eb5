/* SPDX-License-Identifier: MIT */
#pragma once
/* Update steps: each of the policy's actions, carried out, noted and told. */

#include "fleet.h"
#include "outlook.h"
#include "server.h"
#include "updater.h"

struct updater {
	struct server *server;
	struct machine *machine;
	const struct config *config;
	struct job *job;
	struct updater_ask ask;
	struct fleet fleet;
	char *veto;      /* what a hook has said against the next step; or NULL */
	const char *did; /* for the result: static */
	char *version;   /* of what was done; or NULL */
};

enum updatestep {
	UPDATESTEP_ON,   /* ask the policy again */
	UPDATESTEP_END,  /* nothing more is to be done now */
	UPDATESTEP_FAIL, /* with an error */
};

enum updatestep updatestep_run(struct updater *updater, const struct outlook *outlook,
			       const struct policy_decision *decision, GError **error);

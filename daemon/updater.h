/* SPDX-License-Identifier: MIT */
#pragma once
/* Updater: does what the policy says, step by step, until it says nothing more. */

#include "outlook.h"
#include "server.h"

struct transition;

struct updater_ask {
	gboolean automatic;  /* the timer's: only what the policy wants */
	gboolean check_only; /* look, and do nothing */
	gboolean reboot;     /* somebody's wish: reboot into it, too */
};

/* Starts the job; its path, or NULL. */
const char *updater_start(struct server *server, const struct updater_ask *ask, GError **error);

/* A decision of the policy, as policytext.h has it. */
struct updater_words {
	char *json;
	char *text;
};
void updater_words_clear(struct updater_words *words);
void updater_words_free(gpointer words);

/* What would be done now, also while a job runs. What it takes is gathered in the main thread; the
 * rest may be done in another one, since disk, logind and NetworkManager are asked. Free the words
 * with updater_words_free(). */
gboolean updater_why_begin(struct server *server, struct outlook_ask *ret_ask, GError **error);
struct updater_words *updater_why(const struct outlook_ask *ask, GError **error);

/* Somebody or something made a slot the next boot: it is noted, told, and followed until its end is
 * known. `rollback`: to go back by hand. Never fails. For a job's thread. */
void updater_activated(const struct config *config, struct machine *machine, unsigned slot,
		       gboolean rollback);
/* After a boot was judged, or committed by hand: what became of the release that was activated
 * last is noted and told, hooks too, and the fleet's lock given back. For a job's thread. Never
 * fails. */
void updater_settle(const struct transition *transition);

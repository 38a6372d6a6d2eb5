/* SPDX-License-Identifier: MIT */
#pragma once
/* Repository: the folder that azrepo keeps.
 *
 *   metadata/, targets/     what goes to the server, and nothing else
 *   .azrepo/settings.json   products, life times, where the private keys are
 *   .azrepo/draft.json      the next change: what is signed of it, and what waits for signatures
 *   .azrepo/lock, tmp/
 *
 * What is published begins with timestamp.json. The draft is the journal: it is stored before the
 * first file is published and shrinks after the last one, so a killed command is carried on by the
 * next (finish.h). */

#include <glib.h>

#include "role.h"

enum {
	REPOSITORY_PRODUCTS_MAX = 64,
	REPOSITORY_DAYS_MAX = 36500,
	REPOSITORY_SOON_SHARE = 3, /* with less than this part of its life time left: soon */
};

struct repository {
	char *path;
	int lock_fd; /* -1: only read */
	gint64 now_s;
	json_t *settings;
	json_t *published[ROLE_COUNT]; /* NULL: not there yet */
	json_t *draft[ROLE_COUNT];     /* NULL: no change */
	gboolean waited[ROLE_COUNT];   /* the draft was there before this command */
	gboolean lost;                 /* the draft does without signatures by replaced keys */
};
typedef struct repository Repository; /* for g_autoptr() only */

/* Makes the folders and the settings. FAULT_AZREPO_EXISTS, _WRITE. */
struct repository *repository_create(const char *path, json_t *settings, GError **error);
/* `lock`: to change it; waits some seconds for another azrepo. FAULT_AZREPO_FOLDER, _LOCKED,
 * _METADATA: a file is missing or damaged. Signatures are not verified: see trust.h. */
struct repository *repository_open(const char *path, gboolean lock, GError **error);
void repository_free(struct repository *repository);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repository, repository_free)

/* Borrowed: the draft's, else what is published. */
json_t *repository_latest(const struct repository *repository, enum role role);
/* When a document that is signed now expires. */
gint64 repository_expiry(const struct repository *repository, enum role role);
/* The draft's next version of a role, to be changed by the caller; borrowed. FAULT_AZREPO_WAITING:
 * one of an earlier command waits for signatures. */
json_t *repository_change(struct repository *repository, enum role role, GError **error);

gboolean repository_settings_save(const struct repository *repository, GError **error);
gboolean repository_draft_save(const struct repository *repository, GError **error);
/* "targets/bundles/p/a/1/HASH.full.azb" of a target's name. The caller frees. */
char *repository_target_file(const char *target, const char *hash);

/* SPDX-License-Identifier: MIT */
#include "faultloop_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "policystate.h"
#include "repo.h"

enum { DOCUMENT_MAX = 65536 };

static const char DOCUMENT[] = "channels/test/x86_64/stable.json";

void state_repository_make(struct fixture *fixture)
{
	static const char *const ROLES[] = { "root", "targets", "channels", "snapshot",
					     "timestamp" };
	const char *azrepo = g_getenv("AZREPO");
	g_autofree char *repository = fixture_path(fixture, "repository");
	g_autofree char *keys[G_N_ELEMENTS(ROLES)] = { NULL };
	g_autofree char *words[G_N_ELEMENTS(ROLES)] = { NULL };

	if (azrepo == NULL) {
		printf("Bail out! AZREPO must name the program\n");
		exit(1);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(ROLES); i++) {
		g_autofree char *name = g_strdup_printf("keys/repo-%s", ROLES[i]);

		keys[i] = fixture_path(fixture, name);
		words[i] = g_strdup_printf("--%s-key=%s", ROLES[i], keys[i]);
		fixture_run(azrepo, "keygen", keys[i], NULL);
	}
	fixture_run(azrepo, "init", "--product=test", words[0], words[1], words[2], words[3],
		    words[4], repository, NULL);
	fixture_run(azrepo, "add", repository, fixture->bundle[2], NULL);
	fixture_run(azrepo, "publish", "--channel=stable", "--all", repository, "2", NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(ROLES); i++) {
		g_free(g_steal_pointer(&keys[i]));
		g_free(g_steal_pointer(&words[i]));
	}
}

static gboolean hold_add(struct fixture *fixture, const char *by, GError **error)
{
	g_autoptr(Policystate) state = policystate_load(fixture->config.state_dir, error);

	return state != NULL && policystate_hold(state, POLICY_UNTIL_ACT, by, "busy", error) &&
	       policystate_save(fixture->config.state_dir, state, error);
}

static gboolean hold_is_there(const struct policystate *state, const char *by)
{
	for (guint i = 0; i < state->holds->len; i++)
		if (strcmp(g_array_index(state->holds, struct policy_hold, i).by, by) == 0)
			return TRUE;
	return FALSE;
}

void state_hold_prepare(struct fixture *fixture)
{
	if (!hold_add(fixture, "first", NULL))
		printf("Bail out! nothing can be held\n");
}

gboolean state_hold_run(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)machine; /* holds need none */
	return hold_add(fixture, "second", error);
}

gboolean state_hold_is_done(struct fixture *fixture)
{
	g_autoptr(Policystate) state = policystate_load(fixture->config.state_dir, NULL);

	return state != NULL && hold_is_there(state, "first") && hold_is_there(state, "second");
}

static struct repo *repository_open(struct fixture *fixture, GError **error)
{
	g_autofree char *location = fixture_path(fixture, "repository");
	g_autofree char *root = fixture_path(fixture, "repository/metadata/1.root.json");
	const struct repo_options options = {
		.location = location,
		.root_file = root,
		.state_dir = fixture->config.state_dir,
	};

	return repo_open(&options, error);
}

static gint64 now_s(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

gboolean state_refresh_run(struct fixture *fixture, struct machine *machine, GError **error)
{
	g_autoptr(Repo) repo = repository_open(fixture, error);
	g_autoptr(GBytes) document = NULL;

	(void)machine; /* a repository needs none */
	if (repo == NULL || !repo_refresh(repo, now_s(), error))
		return FALSE;
	document = repo_read(repo, DOCUMENT, DOCUMENT_MAX, error);
	return document != NULL;
}

/* Out of what is kept alone. */
gboolean state_refresh_is_done(struct fixture *fixture)
{
	g_autoptr(Repo) repo = repository_open(fixture, NULL);
	g_autoptr(GBytes) document = NULL;

	if (repo == NULL || !repo_load(repo, now_s(), NULL))
		return FALSE;
	document = repo_read(repo, DOCUMENT, DOCUMENT_MAX, NULL);
	return document != NULL;
}

/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "failure.h"
#include "finish.h"

enum { DAY_S = 86400, DAYS_MAX = 36500 };

static struct {
	char **roles;
	int within_days;
	struct command_signing signing;
} options = { .within_days = -1 };

static const GOptionEntry ENTRIES[] = {
	{ "role", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.roles,
	  "only this one; may be given several times", "ROLE" },
	{ "within", 0, 0, G_OPTION_ARG_INT, &options.within_days,
	  "what expires within so many days (a third of the role's life time)", "DAYS" },
	G_OPTION_ENTRY_NULL
};

static gboolean is_due(const struct repository *repository, enum role role)
{
	const gint64 left_s = role_expires_s(repository->published[role]) - repository->now_s;
	const gint64 life_s = repository_expiry(repository, role) - repository->now_s;
	const gboolean asked = options.roles == NULL ||
			       g_strv_contains((const char *const *)options.roles, role_name(role));

	if (!asked)
		return FALSE;
	return options.within_days >= 0 ? left_s < (gint64)options.within_days * DAY_S
					: left_s < life_s / REPOSITORY_SOON_SHARE;
}

/* A parent's keys: root's for all but the channels. */
static gboolean can_sign(const struct repository *repository, struct keychain *keychain,
			 enum role role)
{
	const enum role above = role == ROLE_CHANNELS ? ROLE_TARGETS : ROLE_ROOT;
	struct role_spec spec;

	return role_spec(role, repository->published[above], &spec) &&
	       keychain_count(keychain, &spec) >= spec.threshold;
}

/* What cannot be signed here must not hold up what can: a root that is due in a month is no reason
 * to let the timestamp expire today. */
static gboolean collect(struct repository *repository, struct keychain *keychain, GString *ret_left,
			GError **error)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const enum role role = (enum role)i;

		if (!is_due(repository, role) || repository->waited[role])
			continue;
		if (options.signing.prepare == NULL && !can_sign(repository, keychain, role)) {
			g_string_append_printf(ret_left, " %s", role_name(role));
			continue;
		}
		if (repository_change(repository, role, error) == NULL)
			return FALSE;
	}
	return TRUE;
}

static gboolean roles_check(GError **error)
{
	enum role role;

	for (unsigned i = 0; options.roles != NULL && options.roles[i] != NULL; i++)
		if (!role_find(options.roles[i], &role, error))
			return FALSE;
	return TRUE;
}

gboolean command_renew(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO",
		"Signs again what expires soon: to be run daily, where the keys of channels, "
		"snapshot and timestamp are. What it cannot sign it names, and fails.",
		1, 1
	};
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;
	g_autoptr(GString) left = g_string_new(NULL);

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.signing, error) ||
	    !roles_check(error))
		return FALSE;
	if (options.within_days > DAYS_MAX)
		return failure_set(error, FAULT_ARGUMENT, "--within is more than %d days",
				   DAYS_MAX);
	repository = command_begin(argv[1], &options.signing, &keychain, error);
	if (repository == NULL)
		return FALSE;
	if (repository->published[ROLE_TIMESTAMP] == NULL)
		return failure_set(error, FAULT_AZREPO_WAITING, "nothing was published yet");
	if (!collect(repository, keychain, left, error) ||
	    !finish(repository, keychain, options.signing.prepare, error))
		return FALSE;
	return left->len == 0 ||
	       failure_set(error, FAULT_AZREPO_KEY_MISSING,
			   "these expire soon, and their keys are not at hand:%s", left->str);
}

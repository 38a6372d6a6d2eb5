/* SPDX-License-Identifier: MIT */
#pragma once
/* Subcommands of azrepo: each parses its own options and returns success or a failure. */

#include <glib.h>

#include "keychain.h"
#include "repository.h"

gboolean command_keygen(int argc, char **argv, GError **error);
gboolean command_init(int argc, char **argv, GError **error);
gboolean command_add(int argc, char **argv, GError **error);
gboolean command_publish(int argc, char **argv, GError **error);
gboolean command_promote(int argc, char **argv, GError **error);
gboolean command_rollout(int argc, char **argv, GError **error);
gboolean command_pause(int argc, char **argv, GError **error);
gboolean command_resume(int argc, char **argv, GError **error);
gboolean command_revoke(int argc, char **argv, GError **error);
gboolean command_rotate_key(int argc, char **argv, GError **error);
gboolean command_renew(int argc, char **argv, GError **error);
gboolean command_prune(int argc, char **argv, GError **error);
gboolean command_sign(int argc, char **argv, GError **error);
gboolean command_join(int argc, char **argv, GError **error);
gboolean command_export(int argc, char **argv, GError **error);
gboolean command_check(int argc, char **argv, GError **error);
gboolean command_status(int argc, char **argv, GError **error);

/* What all commands take that change a repository; the strings live as long as the program. */
struct command_signing {
	char **keys;   /* --key, may be NULL */
	char *prepare; /* --prepare, may be NULL */
};

struct command_text {
	const char *usage;
	const char *description;
	int operands_min, operands_max; /* -1: any number */
};

/* FAULT_ARGUMENT. `signing` NULL: the command signs nothing. */
gboolean command_parse(int *argc, char ***argv, const struct command_text *text,
		       const GOptionEntry *entries, struct command_signing *signing,
		       GError **error);
/* FAULT_ARGUMENT "--NAME is missing" unless `value` is given. */
gboolean command_need(const char *name, const char *value, GError **error);

/* A repository to be changed, and the keys at hand. What was interrupted is carried on first. */
struct repository *command_begin(const char *path, const struct command_signing *signing,
				 struct keychain **ret_keychain, GError **error);

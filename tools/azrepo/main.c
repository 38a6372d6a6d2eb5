/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "failure.h"

static const struct command COMMANDS[] = {
	{ "keygen", "make a key", command_keygen },
	{ "init", "begin a repository in a folder", command_init },
	{ "add", "take bundles into the repository", command_add },
	{ "publish", "put a release into a channel", command_publish },
	{ "promote", "put a release of one channel into another", command_promote },
	{ "rollout", "set who gets a release when", command_rollout },
	{ "pause", "stop the rollout of a release", command_pause },
	{ "resume", "let a rollout go on", command_resume },
	{ "revoke", "tell machines to leave a release", command_revoke },
	{ "rotate-key", "replace keys of a role", command_rotate_key },
	{ "renew", "sign again what expires soon", command_renew },
	{ "prune", "remove what no machine reads any more", command_prune },
	{ "sign", "sign what was prepared on another machine", command_sign },
	{ "join", "take such signatures into the repository", command_join },
	{ "export", "write a bundle for machines without a network", command_export },
	{ "check", "verify the repository as a client does", command_check },
	{ "status", "tell what is in the repository", command_status },
};

static void usage_print(FILE *to)
{
	fprintf(to, "Usage: azrepo COMMAND [OPTION...]\n\nCommands:\n");
	for (unsigned i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
		fprintf(to, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
	fprintf(to, "\nazrepo COMMAND --help tells more; azrepo --version the version.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	g_autoptr(GError) error = NULL;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		usage_print(argc > 1 ? stdout : stderr);
		return argc > 1 ? 0 : 2;
	}
	if (strcmp(name, "--version") == 0) {
		printf("azrepo %s\n", AZUPDATE_VERSION);
		return 0;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, name) == 0) {
			g_autofree char *message = NULL;

			if (COMMANDS[i].run(argc - 1, argv + 1, &error))
				return 0;
			message = failure_describe(error);
			fprintf(stderr, "azrepo %s: %s\n", name, message);
			return failure_code(error) == FAULT_ARGUMENT ? 2 : 1;
		}
	fprintf(stderr, "azrepo: no such command: %s\n", name);
	usage_print(stderr);
	return 2;
}

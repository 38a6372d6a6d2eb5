/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "program.h"

static const struct program_command COMMANDS[] = {
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

int main(int argc, char **argv)
{
	return program_run("azrepo", COMMANDS, G_N_ELEMENTS(COMMANDS), argc, argv);
}

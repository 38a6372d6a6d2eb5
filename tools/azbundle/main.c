/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "failure.h"

static const struct command COMMANDS[] = {
	{ "keys", "make a set of test keys and certificates", command_keys },
	{ "uki", "make a unified kernel image for a root image", command_uki },
	{ "image", "make a root image out of an ostree commit", command_image },
	{ "build", "make a signed bundle out of a root image and its UKI", command_build },
	{ "delta", "make a bundle with only what an old release lacks", command_delta },
	{ "info", "tell what a bundle holds, without verifying it", command_info },
	{ "verify", "verify a bundle to its last block", command_verify },
	{ "ostree", "publish a release into an ostree repository", command_ostree },
	{ "lint", "tell what in an image makes its updates large", command_lint },
	{ "disk", "make a disk image, ready to boot, out of a bundle", command_disk },
	{ "attest-verify", "check what a machine attests to have booted", command_attest_verify },
};

static void usage_print(FILE *to)
{
	fprintf(to, "Usage: azbundle COMMAND [OPTION...]\n\nCommands:\n");
	for (unsigned i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
		fprintf(to, "  %-13s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
	fprintf(to, "\nazbundle COMMAND --help tells more; azbundle --version the version.\n");
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
		printf("azbundle %s\n", AZUPDATE_VERSION);
		return 0;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, name) == 0) {
			g_autofree char *message = NULL;

			if (COMMANDS[i].run(argc - 1, argv + 1, &error))
				return 0;
			message = failure_describe(error);
			fprintf(stderr, "azbundle %s: %s\n", name, message);
			return failure_code(error) == FAULT_ARGUMENT ? 2 : 1;
		}
	fprintf(stderr, "azbundle: no such command: %s\n", name);
	usage_print(stderr);
	return 2;
}

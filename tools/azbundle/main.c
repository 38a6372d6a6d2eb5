/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "program.h"

static const struct program_command COMMANDS[] = {
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

int main(int argc, char **argv)
{
	return program_run("azbundle", COMMANDS, G_N_ELEMENTS(COMMANDS), argc, argv);
}

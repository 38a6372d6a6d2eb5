/* SPDX-License-Identifier: MIT */
#pragma once
/* Subcommands of azbundle: each parses its own options and returns success or a failure. */

#include <glib.h>
#include <stdint.h>

gboolean command_keys(int argc, char **argv, GError **error);
gboolean command_uki(int argc, char **argv, GError **error);
gboolean command_image(int argc, char **argv, GError **error);
gboolean command_build(int argc, char **argv, GError **error);
gboolean command_delta(int argc, char **argv, GError **error);
gboolean command_info(int argc, char **argv, GError **error);
gboolean command_verify(int argc, char **argv, GError **error);
gboolean command_ostree(int argc, char **argv, GError **error);
gboolean command_lint(int argc, char **argv, GError **error);
gboolean command_disk(int argc, char **argv, GError **error);
gboolean command_attest_verify(int argc, char **argv, GError **error);

/* Parses `entries`; what is left must be `operands` words (-1: any), else FAULT_ARGUMENT. */
gboolean command_parse(int *argc, char ***argv, const char *usage, const char *description,
		       const GOptionEntry *entries, int operands, GError **error);
/* FAULT_ARGUMENT "--NAME is missing" unless `value` is given. */
gboolean command_need(const char *name, const char *value, GError **error);
/* FAULT_BUILD_INPUT names the file. */
GBytes *command_file(const char *path, GError **error);
/* Runs a program (no shell); FAULT_BUILD_TOOL with the end of what it said. */
gboolean command_spawn(const char *const *argv, GError **error);
/* The verity salt that all releases of a product share, so that equal blocks hash equally. */
void command_salt(const char *product, uint8_t ret_salt[static 32]);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Command lines of our programs, as far as they are alike. */

#include <glib.h>

/* One of a program's subcommands: parses its own options, argv[0] being its name. */
struct program_command {
	const char *name;
	const char *summary;
	gboolean (*run)(int argc, char **argv, GError **error);
};

/* Runs what argv[1] names, or tells what there is; a failure is printed. Returns the exit status: 2
 * if the command line is wrong (FAULT_ARGUMENT too), 1 if the command failed. */
int program_run(const char *program, const struct program_command *commands, unsigned count,
		int argc, char **argv);

/* For a service, which takes options only: FAULT_ARGUMENT for a word, G_OPTION_ERROR. */
gboolean program_options_parse(const GOptionEntry *entries, int *argc, char ***argv,
			       GError **error);
/* --idle=SECONDS of a service, up to a day. FAULT_ARGUMENT. */
gboolean program_idle_check(int idle_s, GError **error);
